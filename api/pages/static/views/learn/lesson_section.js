import { h } from "../../dom/h.js";

/** @import { Children } from "../../dom/h.js" */

/**
 * The frame of a part of the lesson.
 * @param {number} number
 * @param {string} id
 * @param {string} title
 * @param {...Children} children
 */
export function lessonSection(number, id, title, ...children) {
  return h(
    "section",
    { class: "panel lesson", id: `learn-${id}`, "aria-labelledby": `learn-${id}-title` },
    h("h2", { id: `learn-${id}-title`, class: "lesson-title", tabindex: -1 }, h("span", { class: "lesson-number", "aria-hidden": "true" }, number), title),
    ...children,
  );
}

/**
 * A live number within a text.
 * @param {string | number} value
 */
export function live(value) {
  return h("strong", { class: "live-number" }, value);
}
