import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";
import { inWords } from "../http/problem.js";
import { icon } from "./icon.js";

await stylesheet(import.meta.url, "toast.css");

const SHOWN_MS = 6000;

// Said by screen readers when it changes: it has to be there before.
const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
document.body.append(region);

/**
 * Say shortly what has happened. It goes by itself, but not while somebody points at it or is in it; what failed stays
 * until it is closed.
 * @param {string} text
 * @param {{action?: {label: string, act: () => void}, stays?: boolean, bad?: boolean}} [options]
 */
export function toast(text, { action, stays = false, bad = false } = {}) {
  const close = () => {
    clearTimeout(timer);
    element.remove();
  };
  const element = h(
    "div",
    { class: bad ? "toast bad" : "toast" },
    bad && icon("warning"),
    h("span", {}, text),
    action &&
      h("button", { type: "button", class: "button", on: { click: () => (close(), action.act()) } }, action.label),
    h("button", { type: "button", class: "button quiet icon", "aria-label": "Close", on: { click: close } }, icon("close")),
  );
  const wait = () => {
    if (!stays) timer = setTimeout(close, SHOWN_MS);
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  for (const type of ["pointerenter", "focusin"]) element.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, wait);
  region.append(element);
  wait();
}

/**
 * Say what could not be done, and why.
 * @param {string} what  "Job A could not be cancelled"
 * @param {unknown} error
 */
export function toastError(what, error) {
  toast(`${what}: ${inWords(error)}`, { stays: true, bad: true });
}
