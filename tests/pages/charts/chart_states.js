/** Charts for tests of what is done to them: curves over steps 0 to 100, drawn 100 pixels wide and 50 high. */

import { ChartState } from "../../../api/pages/static/charts/chart_state.js";
import { plotArea } from "../../../api/pages/static/charts/plot_area.js";

/** @import { Series } from "../../../api/pages/static/charts/series.js" */

/**
 * @param {Partial<ChartState>} properties
 * @returns {ChartState}
 */
export function chartState(properties = {}) {
  const state = new ChartState();
  state.series = [series("train", [0, 50, 100], [10, 5, 1]), series("validation", [0, 100], [9, 6])];
  return Object.assign(state, properties);
}

/**
 * The same, drawn: value 0 at the bottom, 10 at the top.
 * @param {Partial<ChartState>} properties
 * @returns {ChartState}
 */
export function drawnState(properties = {}) {
  const state = chartState({ size: { width: 170, height: 100 }, ...properties });
  const { range, size } = state;
  if (range !== null) state.area = plotArea(size, false, { range, isLog: false }, { range: [0, 10], isLog: false });
  return state;
}

/**
 * @param {string} id
 * @param {number[]} x
 * @param {number[]} y
 * @returns {Series}
 */
export function series(id, x, y) {
  return { id, label: id, colour: 1, x, y };
}
