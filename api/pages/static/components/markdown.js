import { h } from "../dom/h.js";
import { stylesheet } from "../dom/stylesheet.js";
import { parseMarkdown } from "../format/markdown.js";

/** @import { Block, Inline } from "../format/markdown.js" */

await stylesheet(import.meta.url, "markdown.css");

/**
 * Text in Markdown that a person wrote, as elements; see `format/markdown.js` for what is understood.
 * @param {string} text
 */
export function markdown(text) {
  return h("div", { class: "markdown stack" }, ...parseMarkdown(text).map(blockElement));
}

/** @param {Block} block */
function blockElement(block) {
  switch (block.kind) {
    case "paragraph":
      return h("p", {}, ...block.inlines.map(inlineElement));
    case "heading":
      return h("h4", {}, ...block.inlines.map(inlineElement));
    case "list":
      return h(block.isOrdered ? "ol" : "ul", {}, ...block.items.map((item) => h("li", {}, ...item.map(inlineElement))));
    case "code":
      return h("pre", {}, block.text);
  }
}

/** @param {Inline} inline */
function inlineElement(inline) {
  switch (inline.kind) {
    case "text":
      return inline.text;
    case "code":
      return h("code", {}, inline.text);
    case "strong":
      return h("strong", {}, inline.text);
    case "emphasis":
      return h("em", {}, inline.text);
    case "link":
      return h("a", { href: inline.href, rel: "noreferrer", target: "_blank" }, inline.text);
  }
}
