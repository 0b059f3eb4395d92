import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";

/** @import { Column } from "./spec_fields.js" */

/**
 * Rows of texts that are added and taken out: prompts, alerts, labels. Events: `rows` (all of them).
 */
export class RowsEditor extends Component {
  /** What it edits, for screen readers. */
  label = "";
  /** "Add a prompt" */
  addLabel = "Add";
  /** @type {readonly {choices: Column["choices"], label: string, placeholder?: string | undefined}[]} */
  columns = [];
  /** Whether texts may have several lines. */
  isLong = false;
  /** @type {string[][]} */
  rows = [];
  maxRows = 32;

  #list = h("div", { class: "stack rows-editor-list" });
  #add = h("button", { type: "button", class: "button quiet", on: { click: () => this.#addRow() } });
  #shown = "";

  build() {
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", this.label);
    fill(this.#add, icon("add"), this.addLabel);
    this.append(this.#list, this.#add);
  }

  render() {
    this.#add.hidden = this.rows.length >= this.maxRows;
    const state = JSON.stringify(this.rows);
    if (state === this.#shown) return;
    this.#shown = state;
    fill(this.#list, ...this.rows.map((row, index) => this.#row(row, index)));
  }

  /**
   * @param {string[]} row
   * @param {number} index
   */
  #row(row, index) {
    const what = `${this.label} ${index + 1}`;
    return h(
      "div",
      { class: "rows-editor-row" },
      ...this.columns.map((column, at) => this.#control(column, row[at] ?? "", index, at, what)),
      h("button", { type: "button", class: "button quiet icon", "aria-label": `Remove ${what}`, on: { click: () => this.#remove(index) } }, icon("close")),
    );
  }

  /**
   * @param {RowsEditor["columns"][number]} column
   * @param {string} value
   * @param {number} row
   * @param {number} at
   * @param {string} what
   */
  #control({ choices, label, placeholder }, value, row, at, what) {
    const name = `${what}${label ? `, ${label}` : ""}`;
    const change = (/** @type {Event} */ event) => {
      const text = /** @type {HTMLInputElement} */ (event.target).value;
      this.#set(this.rows.map((each, index) => (index === row ? each.with(at, text) : each)));
    };
    if (choices.length > 0) {
      const select = h("select", { class: "select", "aria-label": name, on: { change } }, ...choices.map((choice) => h("option", { value: choice }, choice)));
      select.value = value;
      return select;
    }
    if (this.isLong) return h("textarea", { class: "textarea", rows: 1, "aria-label": name, placeholder, value, on: { input: change } });
    return h("input", { class: "input", "aria-label": name, placeholder, value, on: { input: change } });
  }

  #addRow() {
    this.#set([...this.rows, this.columns.map(({ choices }) => choices[0] ?? "")], true);
    /** @type {HTMLElement | null} */ (this.#list.lastElementChild?.querySelector("input, textarea") ?? null)?.focus();
  }

  /** @param {number} index */
  #remove(index) {
    this.#set(this.rows.toSpliced(index, 1), true);
    this.#add.focus();
  }

  /**
   * @param {string[][]} rows
   * @param {boolean} [isAnother]  whether there are more or fewer, for which elements are made anew
   */
  #set(rows, isAnother = false) {
    this.rows = rows;
    if (isAnother) this.render();
    else this.#shown = JSON.stringify(rows);
    this.emit("rows", rows);
  }
}
customElements.define("rows-editor", RowsEditor);
