import { h } from "../dom/h.js";

/**
 * The path of a spec's field, which a narrow column breaks between its words alone: `sampling.` `max_` `new_` `tokens`.
 * @param {string} path
 */
export function fieldName(path) {
  return h("code", { class: "field-name" }, ...path.split(/(?<=[._])/).flatMap((word, index) => (index === 0 ? [word] : [h("wbr"), word])));
}
