import { Component } from "../dom/component.js";
import { keyed } from "../dom/keyed.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";
import { NOTHING } from "../format/numbers.js";
import { icon } from "./icon.js";
import { compareValues } from "./sorting.js";

/** @import { Children } from "../dom/h.js" */
/** @import { SortValue } from "./sorting.js" */

await stylesheet(import.meta.url, "data_table.css");

/**
 * @template T
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {(row: T) => Children} show  what is in its cells
 * @property {(row: T) => unknown} state  from which `show` follows: a cell is made anew when it is another
 * @property {(row: T) => SortValue} [sortBy]  without it the column does not sort
 * @property {boolean} [startsDescending]  whether the first click puts the largest first
 * @property {boolean} [isNumeric]
 * @property {boolean} [isHeading]  names the row: has no name in the head of a column of its own choice
 * @property {boolean} [isUnlabelled]  the label is for screen readers alone
 * @property {string} [explanation]
 */

/** @typedef {{column: string, isDescending: boolean}} Sort */

/**
 * More than fit a window. The others follow with the next frames, so that a long table keeps nobody waiting: two hundred
 * rows that are put in another order are laid out anew, all of them.
 */
const NEW_ROWS_AT_ONCE = 40;

/**
 * Rows of records in columns: sorted by a column, selected by check marks (with Shift from the last one on), and gone
 * through by the arrow keys, which keep to their column.
 *
 * A table of HTML, so that screen readers know what to do with it. Rows keep their elements while they are there, and
 * cells theirs while what they show is the same: a stream of events moves no focus and closes no selection. Of many new
 * rows some come with each frame.
 *
 * Events: `sort` (a `Sort`), `select` (a `Set` of keys).
 * @template T
 */
export class DataTable extends Component {
  /** What the table is of, for screen readers. */
  label = "";
  /** @type {Column<T>[]} Those that are shown, in their order. */
  columns = [];
  /** @type {readonly T[]} */
  rows = [];
  /** @type {(row: T) => string} */
  keyOf = () => "";
  /** @type {(row: T) => string} What a row's check mark is called. */
  nameOf = () => "";
  /** @type {Sort | null} */
  sort = null;
  isSelectable = false;
  /**
   * Another number when what cells show has changed although their rows are the same objects: time, names of others.
   * Rows that are the same objects are passed over otherwise, so that a stream of events costs what it changes.
   */
  version = 0;
  /** @type {Set<string>} */
  selection = new Set();

  #all = h("input", { type: "checkbox", "aria-label": "Select all" });
  // The roles are those that the elements have, and would lose where a style shows rows as cards.
  #head = h("tr", { role: "row" });
  #body = h("tbody", { role: "rowgroup" });
  /** @type {string[]} Keys, as they are shown. */
  #order = [];
  /** @type {Set<string>} Keys of the rows that are there already. */
  #shown = new Set();
  #shownSort = "null";
  /** @type {string | null} From which Shift selects. */
  #anchor = null;
  #headState = "";

  build() {
    this.append(
      h(
        "div",
        { class: "table-scroll" },
        h("table", { class: "table", role: "table", "aria-label": this.label }, h("thead", { role: "rowgroup" }, this.#head), this.#body),
      ),
    );
    this.#all.addEventListener("change", () => this.#select(this.#all.checked ? this.#order : []));
    this.#body.addEventListener("click", (event) => this.#onClick(event));
    this.#body.addEventListener("keydown", (event) => this.#onKey(event));
  }

  render() {
    this.#renderHead();
    const sorted = this.#sorted();
    this.#order = sorted.map(this.keyOf);
    const sort = JSON.stringify(this.sort);
    if (sort !== this.#shownSort) this.#shown = new Set(this.#order.slice(0, NEW_ROWS_AT_ONCE).filter((key) => this.#shown.has(key)));
    this.#shownSort = sort;
    let room = NEW_ROWS_AT_ONCE;
    const shown = sorted.filter((row) => this.#shown.has(this.keyOf(row)) || room-- > 0);
    this.#shown = new Set(shown.map(this.keyOf));
    keyed(this.#body, shown, this.keyOf, (row) => this.#makeRow(row), (element, row) => this.#updateRow(element, row));
    if (shown.length < sorted.length) this.changed();
    const count = this.#order.filter((key) => this.selection.has(key)).length;
    this.#all.checked = count > 0 && count === this.#order.length;
    this.#all.indeterminate = count > 0 && count < this.#order.length;
  }

  #sorted() {
    const column = this.columns.find(({ id }) => id === this.sort?.column);
    const { sortBy } = column ?? {};
    if (sortBy === undefined) return this.rows;
    const sign = this.sort?.isDescending ? -1 : 1;
    return this.rows.toSorted((a, b) => compareValues(sortBy(a), sortBy(b), sign));
  }

  #renderHead() {
    const state = JSON.stringify([this.columns.map(({ id }) => id), this.sort, this.isSelectable]);
    if (state === this.#headState) return;
    this.#headState = state;
    const focused = /** @type {HTMLElement | null} */ (this.#head.querySelector(":focus"))?.dataset.column;
    const cells = this.columns.map((column) => this.#headCell(column));
    fill(this.#head, this.isSelectable && h("th", { scope: "col", role: "columnheader", class: "table-check" }, this.#all), ...cells);
    /** @type {HTMLElement | null} */ (this.#head.querySelector(`[data-column="${focused}"]`))?.focus();
  }

  /** @param {Column<T>} column */
  #headCell(column) {
    const { id, label, sortBy, isNumeric, isUnlabelled, explanation } = column;
    const isSorted = this.sort?.column === id;
    const isDescending = isSorted ? this.sort?.isDescending : undefined;
    const text = isUnlabelled ? h("span", { class: "unseen" }, label) : label;
    const change = () => {
      const next = isSorted ? !isDescending : (column.startsDescending ?? false);
      this.emit("sort", { column: id, isDescending: next });
    };
    return h(
      "th",
      {
        scope: "col",
        role: "columnheader",
        class: isNumeric ? "numeric" : undefined,
        title: explanation,
        "aria-sort": isSorted ? (isDescending ? "descending" : "ascending") : null,
        data: { cell: id },
      },
      sortBy === undefined
        ? text
        : h(
            "button",
            { type: "button", class: "table-sort", data: { column: id }, on: { click: change } },
            text,
            isSorted && icon(isDescending ? "down" : "up"),
          ),
    );
  }

  /** @param {T} row */
  #makeRow(row) {
    const key = this.keyOf(row);
    const check = h("input", { type: "checkbox" });
    return h("tr", { role: "row", data: { key } }, this.isSelectable && h("td", { role: "cell", class: "table-check" }, check));
  }

  /**
   * @param {Element} element
   * @param {T} row
   */
  #updateRow(element, row) {
    const isSelected = this.selection.has(this.keyOf(row));
    const shown = rendered.get(element);
    if (shown?.row === row && shown.isSelected === isSelected && shown.head === this.#headState && shown.version === this.version) return;
    rendered.set(element, { row, isSelected, head: this.#headState, version: this.version });
    if (this.isSelectable) {
      const check = /** @type {HTMLInputElement} */ (element.querySelector(".table-check > input"));
      check.checked = isSelected;
      const label = `Select ${this.nameOf(row)}`;
      if (check.getAttribute("aria-label") !== label) check.setAttribute("aria-label", label);
      element.classList.toggle("selected", isSelected);
    }
    let cell = /** @type {HTMLElement | null} */ (element.children[this.isSelectable ? 1 : 0] ?? null);
    for (const column of this.columns) {
      if (cell?.dataset.cell !== column.id) {
        const made = h(column.isHeading ? "th" : "td", {
          scope: column.isHeading ? "row" : null,
          role: column.isHeading ? "rowheader" : "cell",
          class: column.isNumeric ? "numeric" : undefined,
          data: { cell: column.id, label: column.label },
        });
        element.insertBefore(made, cell);
        cell = made;
      }
      const state = JSON.stringify(column.state(row)) ?? "";
      if (states.get(cell) !== state) {
        states.set(cell, state);
        fill(cell, ...[column.show(row)].flat());
        cell.toggleAttribute("data-empty", cell.textContent === NOTHING);
      }
      cell = /** @type {HTMLElement | null} */ (cell.nextElementSibling);
    }
    while (cell !== null) {
      const next = /** @type {HTMLElement | null} */ (cell.nextElementSibling);
      cell.remove();
      cell = next;
    }
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const check = /** @type {Element} */ (event.target).closest(".table-check > input");
    const key = keyAround(check);
    if (!(check instanceof HTMLInputElement) || key === undefined) return;
    const from = event.shiftKey && this.#anchor !== null ? this.#order.indexOf(this.#anchor) : -1;
    const to = this.#order.indexOf(key);
    const reached = from < 0 ? [key] : this.#order.slice(Math.min(from, to), Math.max(from, to) + 1);
    this.#anchor = key;
    const next = new Set(this.selection);
    for (const other of reached) {
      if (check.checked) next.add(other);
      else next.delete(other);
    }
    this.#select(next);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key) || event.altKey || event.metaKey) return;
    const control = /** @type {Element} */ (event.target);
    const cell = control.closest("td, th");
    const row = cell?.parentElement;
    if (!cell || !row || (control instanceof HTMLInputElement && control.type !== "checkbox")) return;
    const rows = this.#body.children;
    const at = [...rows].indexOf(row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key] ?? at;
    const target = rows[to]?.children[[...row.children].indexOf(cell)];
    const focusable = target?.querySelector("a, button, input") ?? rows[to]?.querySelector("a, button, input");
    if (!(focusable instanceof HTMLElement)) return;
    event.preventDefault();
    focusable.focus();
    focusable.scrollIntoView({ block: "nearest" });
  }

  /** @param {Iterable<string>} keys */
  #select(keys) {
    this.selection = new Set(keys);
    this.changed();
    this.emit("select", this.selection);
  }
}
customElements.define("data-table", DataTable);

/** @type {WeakMap<Element, {row: unknown, isSelected: boolean, head: string, version: number}>} What a row shows. */
const rendered = new WeakMap();

/** @type {WeakMap<Element, string>} What a cell shows. */
const states = new WeakMap();

/** @param {Element | null | undefined} element */
function keyAround(element) {
  return /** @type {HTMLElement | null | undefined} */ (element?.closest("tr"))?.dataset.key;
}
