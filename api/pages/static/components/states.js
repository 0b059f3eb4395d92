import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";
import { Unreachable, inWords, Problem } from "../http/problem.js";
import { icon } from "./icon.js";

/** @import { Children } from "../dom/h.js" */

await stylesheet(import.meta.url, "states.css");

/**
 * Where nothing is yet: what would be here, and how it comes to be.
 * @param {string} title
 * @param {...Children} children
 */
export function emptyState(title, ...children) {
  return h("div", { class: "state" }, h("p", { class: "state-title" }, title), ...children);
}

/**
 * While something is fetched. It shows itself after a moment only: what is fast should not flicker.
 * @param {string} [what]
 */
export function loadingState(what = "Loading") {
  return h(
    "div",
    { class: "state state-loading", role: "status" },
    h("span", { class: "spinner", "aria-hidden": "true" }),
    h("p", { class: "muted" }, `${what} …`),
  );
}

/**
 * What could not be done or read, why, and a way on.
 * @param {unknown} error
 * @param {() => void} [retry]
 */
export function errorState(error, retry) {
  const isOffline = error instanceof Unreachable;
  const requestId = error instanceof Problem ? error.requestId : null;
  return h(
    "div",
    { class: "state", role: "alert" },
    icon("warning"),
    h("p", { class: "state-title" }, isOffline ? "The service can't be reached" : "That did not work"),
    h("p", {}, isOffline ? "It may be restarting, or the network is away." : inWords(error)),
    requestId !== null &&
      error instanceof Problem &&
      error.status >= 500 &&
      h("p", { class: "muted small" }, "The service's log has more under ", h("code", {}, requestId), "."),
    retry && h("button", { type: "button", class: "button", on: { click: retry } }, "Try again"),
  );
}
