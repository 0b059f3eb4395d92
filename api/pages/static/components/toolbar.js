import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";

/** @import { Children } from "../dom/h.js" */

await stylesheet(import.meta.url, "toolbar.css");

/**
 * Controls in a row that wraps. (Not ARIA's toolbar: each control has its own place in the order of Tab.)
 * @param {string} label
 * @param {...Children} children
 */
export function toolbar(label, ...children) {
  return h("div", { class: "toolbar", role: "group", "aria-label": label }, ...children);
}

/**
 * A choice of one or none among few, with a count behind each.
 * @param {object} options
 * @param {string} options.label
 * @param {{value: string, label: string, count?: number}[]} options.choices
 * @param {string} options.chosen
 * @param {(value: string) => void} options.onChoose
 */
export function choiceChips({ label, choices, chosen, onChoose }) {
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": label },
    ...choices.map(({ value, label: text, count }) =>
      h(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(value === chosen), data: { value }, on: { click: () => onChoose(value) } },
        text,
        count !== undefined && h("span", { class: "chip-count number" }, count),
      ),
    ),
  );
}
