/** The values of a chart as a table below it, which is there once it is asked for. */

import { h } from "../dom/h.js";
import { valueText } from "./readout.js";
import { valueLabel } from "./tick_labels.js";
import { someOf, tableOf } from "./value_table.js";

/** @import { ChartState } from "./chart_state.js" */

const MOST_ROWS = 200;

export class TablePanel {
  node = h("div", { class: "chart-table", hidden: true, tabindex: 0, role: "region" });

  get isOpen() {
    return !this.node.hidden;
  }

  toggle() {
    this.node.hidden = this.isOpen;
  }

  /** @param {ChartState} state */
  draw({ heading, emptyText, range, shown, xAxis, yAxis }) {
    if (!this.isOpen) return;
    if (range === null) return this.node.replaceChildren(emptyText);
    const { columns, rows } = tableOf(xAxis.label, shown, range);
    const some = someOf(rows, MOST_ROWS);
    /** @param {number} value @param {number} column */
    const text = (value, column) => (column === 0 ? valueLabel(value, xAxis.kind) : valueText(value, yAxis));
    const caption = some.length < rows.length ? `${some.length} of ${rows.length} points; all are in the CSV` : `${rows.length} points`;
    this.node.setAttribute("aria-label", `${heading}: values`);
    this.node.replaceChildren(
      h(
        "table",
        {},
        h("caption", {}, caption),
        h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
        h("tbody", {}, some.map((row) => h("tr", {}, row.map((value, index) => h("td", {}, text(value, index)))))),
      ),
    );
  }
}
