import { Component } from "../dom/component.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";
import { icon } from "./icon.js";

await stylesheet(import.meta.url, "search_choice.css");

/** @typedef {{id: string, label: string, note?: string}} SearchOption */

let count = 0;

/**
 * A field in which one searches, and chooses one of what is found (ARIA's combobox with a list): arrows move, Enter
 * chooses, Escape closes.
 *
 * Events: `choose` (the id of an option).
 */
export class SearchChoice extends Component {
  label = "Search";
  placeholder = "";
  /** @type {(text: string) => SearchOption[]} Asked whenever the text changes. */
  find = () => [];
  /** What is said when nothing is found. */
  none = "Nothing fits";

  #id = `search-choice-${(count += 1)}`;
  #input = h("input", { type: "search", class: "input", role: "combobox", autocomplete: "off", "aria-autocomplete": "list", "aria-expanded": "false" });
  #list = h("div", { role: "listbox", class: "search-choice-list", popover: "manual", tabindex: -1 });
  /** @type {SearchOption[]} */
  #found = [];
  #active = -1;

  build() {
    this.#list.id = this.#id;
    this.#input.setAttribute("aria-controls", this.#id);
    this.append(h("div", { class: "search-choice" }, icon("search"), this.#input), this.#list);
    this.#input.addEventListener("input", () => this.#open());
    this.#input.addEventListener("focus", () => this.#open());
    this.#input.addEventListener("click", () => this.#open());
    this.#input.addEventListener("blur", () => this.#close());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    // The field keeps the focus, so that one goes on typing.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = /** @type {Element} */ (event.target).closest("[role=option]");
      if (option instanceof HTMLElement) this.#choose(option.dataset.id ?? "");
    });
  }

  render() {
    this.#input.setAttribute("aria-label", this.label);
    this.#list.setAttribute("aria-label", this.label);
    this.#input.placeholder = this.placeholder;
  }

  focus() {
    this.#input.focus();
  }

  /** What there is to be found has changed. */
  refresh() {
    if (!this.#isOpen) return;
    const before = this.#found;
    const chosen = before[this.#active]?.id;
    this.#search();
    const place = this.#found.findIndex(({ id }) => id === chosen);
    if (place >= 0) this.#active = place;
    // An option that is drawn anew between a press and its release gets no click.
    if (this.#found.length === 0 || names(before) !== names(this.#found)) this.#show();
  }

  get #isOpen() {
    return this.#list.matches(":popover-open");
  }

  #search() {
    const text = this.#input.value.trim();
    this.#found = this.find(text);
    this.#active = this.#found.length > 0 && text !== "" ? 0 : -1;
  }

  #open() {
    this.#search();
    this.#show();
    if (this.#isOpen) return;
    const { bottom, left, width } = this.#input.getBoundingClientRect();
    const { style } = this.#list;
    style.setProperty("top", `${bottom + 4}px`);
    style.setProperty("left", `${Math.max(8, Math.min(left, innerWidth - Math.max(width, 320) - 8))}px`);
    style.setProperty("max-height", `${Math.max(160, innerHeight - bottom - 16)}px`);
    this.#list.showPopover();
    this.#input.setAttribute("aria-expanded", "true");
  }

  #close() {
    if (!this.#isOpen) return;
    this.#list.hidePopover();
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  #show() {
    const options = this.#found.map(({ id, label, note }, index) =>
      h(
        "div",
        { role: "option", id: `${this.#id}-${index}`, class: "search-choice-option", "aria-selected": String(index === this.#active), data: { id } },
        h("span", { class: "search-choice-label" }, label),
        note && h("span", { class: "muted small" }, note),
      ),
    );
    fill(this.#list, ...(options.length > 0 ? options : [h("p", { class: "muted search-choice-none", role: "option", "aria-disabled": "true" }, this.none)]));
    if (this.#active < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `${this.#id}-${this.#active}`);
    this.#list.children[this.#active]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} id */
  #choose(id) {
    this.#input.value = "";
    this.emit("choose", id);
    this.#close();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const last = this.#found.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.#isOpen) return this.#open();
      const next = this.#active + (event.key === "ArrowDown" ? 1 : -1);
      this.#active = next > last ? 0 : next < 0 ? last : next;
      this.#show();
    } else if (event.key === "Enter" && this.#isOpen) {
      const option = this.#found[this.#active];
      if (option !== undefined) this.#choose(option.id);
    } else if (event.key === "Escape" && this.#isOpen) {
      this.#close();
    } else return;
    event.preventDefault();
  }
}
customElements.define("search-choice", SearchChoice);

/** @param {readonly SearchOption[]} options */
function names(options) {
  return JSON.stringify(options.map(({ id, label }) => [id, label]));
}
