/** Where in a chart's picture what is drawn. */

import { valueRange } from "./outliers.js";
import { scaleOf } from "./scale.js";
import { valuesSeen } from "./series.js";

/** @import { ChartState } from "./chart_state.js" */

/** The same in all charts, so that those below each other share their x to the pixel. */
const MARGIN = { left: 52, right: 18, bottom: 38, top: 12, topWithAxis: 42 };

/**
 * @typedef {object} PlotArea
 * @property {number} left
 * @property {number} top
 * @property {number} width  of the part that curves are drawn in
 * @property {number} height
 * @property {import("./scale.js").Scale} x  to pixels from the left of that part
 * @property {import("./scale.js").Scale} y  to pixels from its top
 */

/**
 * @param {ChartState} state
 * @returns {{area: PlotArea, outside: number} | null} and how many values lie beyond it; null if there is nothing to draw
 */
export function layOut({ range, shown, size, options, yAxis, topAxis }) {
  const { isLogX, isLogY, clipsOutliers } = options;
  if (range === null || size.width === 0) return null;
  const values = valueRange(valuesSeen(shown, range, isLogY), clipsOutliers);
  const y = values === null ? /** @type {const} */ ([1, 2]) : withAir([values.low, values.high], isLogY, yAxis.isFromZero);
  const area = plotArea(size, topAxis !== null, { range, isLog: isLogX }, { range: y, isLog: isLogY });
  return { area, outside: values?.outside ?? 0 };
}

/**
 * @param {{width: number, height: number}} picture
 * @param {boolean} hasTopAxis
 * @param {{range: readonly [number, number], isLog: boolean}} x
 * @param {{range: readonly [number, number], isLog: boolean}} y
 * @returns {PlotArea}
 */
export function plotArea(picture, hasTopAxis, x, y) {
  const top = hasTopAxis ? MARGIN.topWithAxis : MARGIN.top;
  const width = Math.max(10, picture.width - MARGIN.left - MARGIN.right);
  const height = Math.max(10, picture.height - top - MARGIN.bottom);
  return {
    left: MARGIN.left,
    top,
    width,
    height,
    x: scaleOf(x.range, [0, width], x.isLog),
    y: scaleOf(y.range, [height, 0], y.isLog),
  };
}

/**
 * The range of y with some air, from 0 where it begins near it, is constant, or is to be seen against 0.
 *
 * @param {readonly [number, number]} range
 * @param {boolean} isLog
 * @param {boolean} [isFromZero]
 * @returns {readonly [number, number]}
 */
export function withAir([low, high], isLog, isFromZero = false) {
  if (isLog) {
    const factor = low === high ? 1.25 : (high / low) ** 0.05;
    return [low / factor, high * factor];
  }
  // What is constant is seen against 0: its last digits would be all that the axis says.
  if (low === high && low > 0) return [0, low * 1.25];
  const air = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  const isNearZero = low >= 0 && (isFromZero || low < (high - low) * 0.25);
  return [isNearZero ? 0 : low - air, high + air];
}
