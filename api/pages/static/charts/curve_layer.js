/** The curves of a chart. */

import { s } from "../dom/h.js";
import { Curve } from "./curve.js";

/** @import { PlotArea } from "./plot_area.js" */
/** @import { Series } from "./series.js" */

/** Of more points, or more curves, dots would hide the lines. */
const MOST_DOTS = 60;
const MOST_WITH_DOTS = 3;

/** Draws into a group of its own, the first series on top. */
export class CurveLayer {
  /** @type {Map<string, Curve>} */
  #curves = new Map();
  node = s("g");

  /**
   * @param {PlotArea} area
   * @param {readonly Series[]} shown
   * @param {number} smoothing  weight
   */
  draw(area, shown, smoothing) {
    const before = this.#curves;
    this.#curves = new Map(shown.map(({ id }) => [id, before.get(id) ?? new Curve()]));
    const hasDots = shown.length <= MOST_WITH_DOTS && shown.every(({ x }) => x.length <= MOST_DOTS);
    for (const series of shown) this.#curves.get(series.id)?.draw(series, area, smoothing, hasDots);
    const nodes = [...this.#curves.values()].map(({ node }) => node).toReversed();
    const isSame = nodes.length === this.node.children.length && nodes.every((node, index) => node === this.node.children[index]);
    if (!isSame) this.node.replaceChildren(...nodes);
  }

  /** @param {string | null} highlighted  id of the curve beside which the others are dimmed */
  highlight(highlighted) {
    const isDimming = highlighted !== null && this.#curves.has(highlighted);
    for (const [id, { node }] of this.#curves) {
      node.classList.toggle("is-highlighted", isDimming && id === highlighted);
      node.classList.toggle("is-dimmed", isDimming && id !== highlighted);
    }
  }
}
