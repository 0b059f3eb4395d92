/** What is drawn of a chart: one layer above the other. */

import { apply, s } from "../dom/h.js";
import { AxisLayer } from "./axis_layer.js";
import { CursorLayer } from "./cursor_layer.js";
import { CurveLayer } from "./curve_layer.js";
import { MarkLayer } from "./mark_layer.js";

/** @import { ChartState } from "./chart_state.js" */

/** A little more than the area is drawn of the curves: dots at its edge are whole. */
const DOT_PIXELS = 3;

export class PlotPicture {
  #axes = new AxisLayer();
  #curves = new CurveLayer();
  #selection = s("rect", { class: "chart-selection is-hidden", y: 0 });
  /** What is beyond the area is cut off. */
  #inner = s("svg", { class: "chart-inner" }, this.#curves.node, this.#selection);
  #marks = new MarkLayer();
  #cursor = new CursorLayer();
  node = s("svg", { class: "chart-picture", "aria-hidden": "true" }, this.#axes.node, this.#inner, this.#marks.node, this.#cursor.node);

  /** @param {ChartState} state */
  draw({ area, size, shown, smoothing, marks, selection, xAxis, yAxis, topAxis }) {
    this.node.classList.toggle("is-hidden", area === null);
    if (area === null) return;
    const width = area.width + 2 * DOT_PIXELS;
    const height = area.height + 2 * DOT_PIXELS;
    apply(this.node, { width: size.width, height: size.height });
    apply(this.#inner, { x: area.left - DOT_PIXELS, y: area.top - DOT_PIXELS, width, height, viewBox: `${-DOT_PIXELS} ${-DOT_PIXELS} ${width} ${height}` });
    this.#axes.draw(area, { x: xAxis, y: yAxis, top: topAxis });
    this.#curves.draw(area, shown, smoothing);
    this.#marks.draw(area, marks);
    const [from, to] = selection ?? [0, 0];
    apply(this.#selection, { x: Math.min(from, to), width: Math.abs(to - from), height: area.height });
    this.#selection.classList.toggle("is-hidden", selection === null);
  }

  /** @param {ChartState} state */
  drawCursor({ area, shown, cursor, xAxis }) {
    if (area !== null) this.#cursor.draw(area, shown, cursor, xAxis.kind);
  }

  /** @param {ChartState} state */
  drawHighlight({ highlighted }) {
    this.#curves.highlight(highlighted);
  }
}
