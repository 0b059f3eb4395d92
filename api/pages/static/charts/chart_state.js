/** What a chart shows, and where in it somebody is: what its parts have in common. */

import { rangeOfX } from "./series.js";
import { shownRange, WHOLE } from "./view_window.js";

/** @import { TopAxis, AxisText, ValueAxis } from "./axis_layer.js" */
/** @import { Mark } from "./mark_layer.js" */
/** @import { PlotArea } from "./plot_area.js" */
/** @import { Range, Series } from "./series.js" */
/** @import { ViewWindow } from "./view_window.js" */

/**
 * @typedef {object} ChartOptions
 * @property {boolean} isLogX
 * @property {boolean} isLogY
 * @property {boolean} clipsOutliers
 */

/** @typedef {{readonly series: readonly Series[], changed: () => void}} Peer  a chart that shows the same x */

export class ChartState {
  heading = "";
  emptyText = "Nothing was measured yet.";
  /** @type {readonly Series[]} */
  series = [];
  /** @type {readonly Mark[]} */
  marks = [];
  /** @type {readonly Peer[]} */
  peers = [];
  /** @type {AxisText} */
  xAxis = { label: "Step", kind: "whole" };
  /** @type {ValueAxis} */
  yAxis = { label: "", kind: "number" };
  /** @type {TopAxis | null} */
  topAxis = null;
  /** @type {ChartOptions} */
  options = { isLogX: false, isLogY: false, clipsOutliers: true };
  smoothing = 0;
  /** @type {ViewWindow} */
  view = WHOLE;
  /** @type {number | null} x */
  cursor = null;
  /** @type {string | null} id of a curve */
  highlighted = null;
  /** @type {Set<string>} ids of the curves that are not shown */
  hidden = new Set();
  /** @type {readonly [number, number] | null} what is dragged over, in pixels from the left of the area */
  selection = null;
  /** Of the plot, in pixels. */
  size = { width: 0, height: 0 };
  /** @type {PlotArea | null} where curves are drawn; null if there is nothing to draw */
  area = null;

  get shown() {
    return this.series.filter(({ id }) => !this.hidden.has(id));
  }

  /** @returns {Range | null} from the first x to the last that can be seen; null without points */
  get whole() {
    const { isLogX } = this.options;
    const own = rangeOfX(this.series, isLogX);
    if (own === null) return null;
    const ranges = this.peers.map(({ series }) => rangeOfX(series, isLogX));
    return ranges.find((range) => range !== null) ?? own;
  }

  /** @returns {Range | null} x of what is seen */
  get range() {
    const { whole } = this;
    return whole === null ? null : shownRange(this.view, whole);
  }

  /**
   * @param {number} pixel  from the left of the plot
   * @returns {number} x of the place in the area that is nearest; NaN if there is nothing drawn
   */
  xAt(pixel) {
    const { area } = this;
    return area === null ? NaN : area.x.from(Math.min(Math.max(pixel - area.left, 0), area.width));
  }
}
