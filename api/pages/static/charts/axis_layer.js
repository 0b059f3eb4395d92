/** The axes of a chart and the lines of its grid. */

import { s } from "../dom/h.js";
import { at } from "./at.js";
import { interpolation } from "./axes.js";
import { tickLabels } from "./tick_labels.js";
import { linearTicks, logTicks } from "./ticks.js";

/** At least, so that labels do not touch. */
const PIXELS_BETWEEN = { x: 58, y: 30, top: 64 };

/**
 * @typedef {object} AxisText
 * @property {string} label
 * @property {import("./ticks.js").Kind} kind
 */

/** @typedef {AxisText & {format?: (value: number) => string, isFromZero?: boolean}} ValueAxis  from 0: what doubles is twice as high */

/** @typedef {AxisText & {x: number[], at: number[]}} TopAxis  what x (as below) is at, both rising */

/** Draws into a group of its own. */
export class AxisLayer {
  node = s("g", { class: "chart-axes" });

  /**
   * @param {import("./plot_area.js").PlotArea} area
   * @param {{x: AxisText, y: AxisText, top: TopAxis | null}} axes
   */
  draw(area, axes) {
    const { left, top, width, height } = area;
    const bottom = top + height;
    const nodes = [];
    for (const [pixel, label] of labelled(area.y, axes.y.kind, height / PIXELS_BETWEEN.y)) {
      const y = Math.round(top + pixel) + 0.5;
      nodes.push(s("line", { class: "chart-grid", x1: left, x2: left + width, y1: y, y2: y }));
      nodes.push(s("text", { class: "chart-tick", x: left - 5, y: y + 3.5, "text-anchor": "end" }, label));
    }
    for (const [pixel, label] of labelled(area.x, axes.x.kind, width / PIXELS_BETWEEN.x)) {
      const x = Math.round(left + pixel) + 0.5;
      nodes.push(s("line", { class: "chart-grid", x1: x, x2: x, y1: top, y2: bottom }));
      nodes.push(s("text", { class: "chart-tick is-below", x, y: bottom + 16, "text-anchor": "middle" }, label));
    }
    nodes.push(s("line", { class: "chart-axis", x1: left, x2: left + width, y1: bottom + 0.5, y2: bottom + 0.5 }));
    nodes.push(
      s("text", { class: "chart-axis-label", x: left + width / 2, y: bottom + 32, "text-anchor": "middle" }, axes.x.label),
    );
    if (axes.top !== null) nodes.push(...topAxis(area, axes.top));
    this.node.replaceChildren(...nodes);
  }
}

/**
 * @param {import("./plot_area.js").PlotArea} area
 * @param {TopAxis} axis
 */
function topAxis({ left, top, width, x }, axis) {
  /** @type {SVGElement[]} */
  const nodes = [s("line", { class: "chart-axis", x1: left, x2: left + width, y1: top + 0.5, y2: top + 0.5 })];
  const above = interpolation(axis.x, axis.at);
  const below = interpolation(axis.at, axis.x);
  const domain = /** @type {[number, number]} */ ([above(x.domain[0]), above(x.domain[1])]);
  if (domain.every(Number.isFinite)) {
    const ticks = (x.isLog && domain[0] > 0 ? logTicks : linearTicks)(domain, width / PIXELS_BETWEEN.top, axis.kind);
    const labels = tickLabels(ticks, axis.kind, x.isLog);
    ticks.forEach((tick, index) => {
      // Beyond the points nothing is known of it.
      if (tick < at(axis.at, 0) || tick > at(axis.at, axis.at.length - 1)) return;
      const pixel = left + x.to(below(tick));
      if (!(pixel >= left - 1 && pixel <= left + width + 1)) return;
      const place = Math.round(pixel) + 0.5;
      nodes.push(s("line", { class: "chart-axis", x1: place, x2: place, y1: top - 4, y2: top }));
      nodes.push(s("text", { class: "chart-tick", x: place, y: top - 8, "text-anchor": "middle" }, labels[index]));
    });
  }
  const label = s("text", { class: "chart-axis-label", x: left + width / 2, y: top - 26, "text-anchor": "middle" }, axis.label);
  return [...nodes, label];
}

/**
 * @param {import("./scale.js").Scale} scale
 * @param {import("./ticks.js").Kind} kind
 * @param {number} most
 * @returns {[number, string][]} pixels and labels of the ticks
 */
function labelled(scale, kind, most) {
  const ticks = (scale.isLog ? logTicks : linearTicks)(scale.domain, most, kind);
  const labels = tickLabels(ticks, kind, scale.isLog);
  return ticks.map((tick, index) => [scale.to(tick), labels[index] ?? ""]);
}
