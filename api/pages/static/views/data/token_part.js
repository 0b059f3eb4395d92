import { h } from "../../dom/h.js";

/** @import { TextTokenRecord } from "../../types/records.d.ts" */

/**
 * A text with its tokens told apart, and its validation part marked.
 * @param {readonly TextTokenRecord[]} tokens
 * @param {number} trained  how many of them are trained on
 */
export function tokenPart(tokens, trained = tokens.length) {
  return h(
    "p",
    { class: "token-part" },
    ...tokens.flatMap(({ id, text }, index) => [
      index === trained && index > 0 && h("span", { class: "split-mark" }, "validation"),
      h("span", { class: `piece piece-${index % 4}${index >= trained ? " held-out" : ""}`, title: `Token ${id}` }, text === "\0" ? "¶\n" : text.replaceAll("\n", "↵\n")),
    ]),
  );
}
