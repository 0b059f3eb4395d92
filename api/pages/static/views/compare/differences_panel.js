import { fieldName } from "../../components/field_name.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { counted, NOTHING } from "../../format/numbers.js";
import { valueInWords } from "../../format/spec_values.js";
import { datasetNames } from "../../page/services.js";
import { swatch } from "./results.js";

/** @import { Difference } from "./differences.js" */
/** @import { JobRecord } from "../../types/records.d.ts" */
/** @import { Look } from "./looks.js" */

/** Numbers that are no more and no less. */
const NOT_MARKED = new Set(["training.seed"]);

/** The specs of the jobs, side by side: what differs alone, unless all is asked for. Events: `all` (a boolean). */
export class DifferencesPanel extends Component {
  /** @type {readonly JobRecord[]} */
  jobs = [];
  /** @type {Map<string, Look>} */
  looks = new Map();
  /** @type {readonly Difference[]} */
  rows = [];
  showsAll = false;

  #summary = h("p", { class: "muted small" });
  #all = h("input", { type: "checkbox", on: { change: () => this.emit("all", this.#all.checked) } });
  #table = h("div");
  #shown = "";

  build() {
    this.className = "panel";
    this.append(
      h("div", { class: "panel-body row" }, h("h2", { class: "compare-heading" }, "Specs"), this.#summary, h("label", { class: "check row-end" }, this.#all, "Also what is the same")),
      this.#table,
    );
  }

  render() {
    const { jobs, rows, looks, showsAll } = this;
    const different = rows.filter(({ differs }) => differs);
    const shown = showsAll ? rows : different;
    const state = JSON.stringify([jobs.map(({ id }) => [id, looks.get(id)]), shown, jobs.map(({ spec }) => datasetNames.of(spec.dataset))]);
    this.#all.checked = showsAll;
    if (state === this.#shown) return;
    this.#shown = state;
    const arrows = shown.some(({ least, greatest }) => least !== null && greatest !== null) ? " · ↑ the greatest, ↓ the least" : "";
    fill(this.#summary, `${counted(different.length, "field")} of ${rows.length} ${different.length === 1 ? "differs" : "differ"}${arrows}`);
    if (shown.length === 0) return fill(this.#table, h("p", { class: "muted panel-body" }, jobs.length > 1 ? "The specs are the same in everything but their names." : "With another job beside it, what differs is shown here."));
    fill(
      this.#table,
      h(
        "div",
        { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Specs side by side" },
        h(
          "table",
          { class: "table compare-specs" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Field"), jobs.map(({ id }) => headOf(looks.get(id))))),
          h("tbody", {}, shown.map(rowOf)),
        ),
      ),
    );
  }
}
customElements.define("differences-panel", DifferencesPanel);

/** @param {Look | undefined} look */
function headOf(look) {
  return h("th", { scope: "col" }, look && h("div", { class: "compare-name" }, swatch(look), h("span", {}, look.label)));
}

/** @param {Difference} row */
function rowOf(row) {
  const { field, values, differs, isNumeric } = row;
  return h(
    "tr",
    { class: differs ? undefined : "muted" },
    h("th", { scope: "row" }, fieldName(field)),
    values.map((value) => h("td", { class: isNumeric ? "numeric" : undefined }, ...valueOf(value, row))),
  );
}

/**
 * @param {unknown} value
 * @param {Difference} row
 */
function valueOf(value, { field, least, greatest }) {
  if (value === undefined) return [NOTHING];
  const text = field === "dataset" && typeof value === "string" ? datasetNames.of(value) : valueInWords(value);
  if (typeof value !== "number" || NOT_MARKED.has(field)) return [text];
  if (value === greatest) return [extreme("↑", "the greatest"), text];
  if (value === least) return [extreme("↓", "the least"), text];
  return [text];
}

/**
 * @param {string} sign
 * @param {string} words
 */
function extreme(sign, words) {
  return h("span", { class: "compare-extreme", title: words }, h("span", { "aria-hidden": "true" }, sign), h("span", { class: "unseen" }, `${words}: `));
}
