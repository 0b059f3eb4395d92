/** What a chart says of its values: at the cursor, or else of the last. */

import { at } from "./at.js";
import { pointAt } from "./series.js";
import { valueLabel } from "./tick_labels.js";

/** @import { ValueAxis } from "./axis_layer.js" */
/** @import { ChartState } from "./chart_state.js" */
/** @import { Series } from "./series.js" */

/**
 * @param {number} value
 * @param {ValueAxis} axis
 */
export function valueText(value, axis) {
  return axis.format?.(value) ?? valueLabel(value, axis.kind);
}

/**
 * @param {Series} series
 * @param {Pick<ChartState, "cursor" | "yAxis">} state
 * @returns {string} its value at the cursor, or else its last
 */
export function readingOf(series, { cursor, yAxis }) {
  const index = cursor === null ? series.y.findLastIndex(Number.isFinite) : pointAt(series, cursor);
  return index < 0 ? "–" : valueText(at(series.y, index), yAxis);
}

/**
 * @param {number} x
 * @param {Pick<ChartState, "xAxis" | "marks">} state
 * @returns {string} the place, and what is marked there
 */
export function placeInWords(x, { xAxis, marks }) {
  const labels = marks.filter((mark) => mark.x === x).map(({ label }) => label);
  return [`${xAxis.label} ${valueLabel(x, xAxis.kind)}`, ...labels].join(" · ");
}

/**
 * @param {number} x
 * @param {ChartState} state
 * @returns {string} the place, and the value of each curve there
 */
export function pointInWords(x, state) {
  const values = state.shown.map((series) => {
    const index = pointAt(series, x);
    return `${series.label} ${index < 0 ? "none" : valueText(at(series.y, index), state.yAxis)}`;
  });
  return [placeInWords(x, state), ...values].join(", ");
}
