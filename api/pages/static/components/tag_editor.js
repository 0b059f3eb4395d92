import { Component } from "../dom/component.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";
import { icon } from "./icon.js";

await stylesheet(import.meta.url, "tag_editor.css");

const MAX_LENGTH = 64;
let count = 0;

/** Tags that are added by Enter or a comma, and taken out by their cross or Backspace. Events: `change`. */
export class TagEditor extends Component {
  /** @type {string[]} */
  tags = [];
  /** @type {string[]} Offered while one types. */
  suggestions = [];
  label = "Tags";

  #listId = `tag-suggestions-${(count += 1)}`;
  #chips = h("ul", { role: "list", class: "tag-editor-chips" });
  #suggestions = h("datalist", { id: this.#listId });
  #input = h("input", { class: "tag-editor-input", list: this.#listId, maxlength: MAX_LENGTH, placeholder: "Add a tag" });

  build() {
    this.#input.setAttribute("aria-label", this.label);
    this.append(h("div", { class: "tag-editor" }, this.#chips, this.#input), this.#suggestions);
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("change", () => this.#add());
  }

  render() {
    fill(this.#suggestions, ...this.suggestions.map((tag) => h("option", { value: tag })));
    fill(this.#chips, ...this.tags.map((tag) => this.#chip(tag)));
  }

  /** @param {string} tag */
  #chip(tag) {
    const drop = () => {
      this.#set(this.tags.filter((other) => other !== tag));
      this.#input.focus();
    };
    const cross = h("button", { type: "button", "aria-label": `Remove ${tag}`, on: { click: drop } }, icon("close"));
    return h("li", { class: "tag" }, h("span", {}, tag), cross);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if ((event.key === "Enter" && this.#input.value.trim()) || event.key === ",") {
      event.preventDefault();
      this.#add();
    } else if (event.key === "Backspace" && this.#input.value === "" && this.tags.length > 0) {
      this.#set(this.tags.slice(0, -1));
    }
  }

  #add() {
    const tag = this.#input.value.trim();
    this.#input.value = "";
    if (tag && !this.tags.includes(tag)) this.#set([...this.tags, tag]);
  }

  /** @param {string[]} tags */
  #set(tags) {
    this.tags = tags;
    this.render();
    this.emit("change", tags);
  }
}
customElements.define("tag-editor", TagEditor);
