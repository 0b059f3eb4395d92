/** Tables and lists of settings. */

import { timeSince } from "../../components/time_since.js";
import { h } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { NOTHING } from "../../format/numbers.js";

/** @import { Children } from "../../dom/h.js" */

await stylesheet(import.meta.url, "../../components/data_table.css");

/**
 * @param {string} label
 * @param {readonly string[]} heads
 * @param {readonly Children[][]} rows  of each its cells
 */
export function tableOf(label, heads, rows) {
  return h(
    "div",
    { class: "table-scroll", tabindex: 0, role: "region", "aria-label": label },
    h(
      "table",
      { class: "table settings-table" },
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head || h("span", { class: "unseen" }, "Actions"))))),
      h("tbody", {}, rows.map(([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, ...[first ?? null].flat()), others.map((cell) => h("td", {}, ...[cell].flat()))))),
    ),
  );
}

/** @param {readonly [string, Children][]} facts */
export function factsOf(facts) {
  return h("dl", { class: "settings-facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "number" }, ...[value].flat()))));
}

/**
 * How long ago.
 * @param {string | null} time
 */
export function since(time) {
  return time === null ? NOTHING : timeSince(time);
}
