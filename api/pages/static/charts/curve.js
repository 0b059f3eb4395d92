/** One series as it is drawn. */

import { s } from "../dom/h.js";
import { at } from "./at.js";
import { bucketsOf, bucketWidth } from "./bands.js";
import { areaPath, linePath } from "./path.js";
import { pointsWithin } from "./series.js";
import { smoothed } from "./smoothing.js";

/** @typedef {import("./series.js").Series} Series */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */

/**
 * The line, with the raw one behind it if it is smoothed, or the band from the least to the greatest value where there
 * are more points than pixels.
 */
export class Curve {
  #band = s("path", { class: "chart-band" });
  #raw = s("path", { class: "chart-raw" });
  #line = s("path", { class: "chart-line" });
  #dots = s("path", { class: "chart-dots" });
  node = s("g", { class: "chart-curve" }, this.#band, this.#raw, this.#line, this.#dots);
  /** @type {{y: number[], length: number, weight: number, values: number[]} | null} */
  #smoothed = null;

  /**
   * @param {Series} series
   * @param {PlotArea} area
   * @param {number} weight  of smoothing
   * @param {boolean} hasDots  at its points
   */
  draw(series, area, weight, hasDots) {
    const { x, y } = series;
    const [from, to] = pointsWithin(series, area.x.domain);
    const values = this.#valuesOf(series, weight);
    const pixels = bucketWidth(to - from, area.width);
    const isDense = pixels > 0;
    if (isDense) {
      const raw = bucketsOf(x, y, from, to, area.x.to, pixels);
      const line = weight > 0 ? bucketsOf(x, values, from, to, area.x.to, pixels) : raw;
      set(this.#band, areaOf(raw, raw, area));
      set(this.#line, linePath(line.length, (index) => line[index]?.x ?? NaN, (index) => area.y.to(line[index]?.last ?? NaN)));
    } else {
      set(this.#band, "");
      set(this.#line, pointsPath(x, values, from, to, area));
    }
    if (series.low !== undefined && series.high !== undefined) {
      const width = pixels || 1;
      const low = bucketsOf(x, series.low, from, to, area.x.to, width);
      set(this.#band, areaOf(low, bucketsOf(x, series.high, from, to, area.x.to, width), area));
    }
    set(this.#raw, !isDense && weight > 0 ? pointsPath(x, y, from, to, area) : "");
    set(this.#dots, hasDots ? dotsPath(x, values, from, to, area) : "");
    this.node.setAttribute("class", `chart-curve chart-colour-${series.colour}${series.isDashed ? " is-dashed" : ""}`);
  }

  /**
   * @param {Series} series
   * @param {number} weight
   */
  #valuesOf({ x, y }, weight) {
    if (weight === 0) return y;
    const known = this.#smoothed;
    if (known !== null && known.y === y && known.length === y.length && known.weight === weight) return known.values;
    const values = smoothed(x, y, weight);
    this.#smoothed = { y, length: y.length, weight, values };
    return values;
  }
}

/**
 * @param {SVGPathElement} path
 * @param {string} d
 */
function set(path, d) {
  if (path.getAttribute("d") !== d) path.setAttribute("d", d);
}

/**
 * @param {number[]} x
 * @param {number[]} y
 * @param {number} from
 * @param {number} to
 * @param {PlotArea} area
 */
function pointsPath(x, y, from, to, area) {
  return linePath(to - from, (index) => area.x.to(at(x, from + index)), (index) => area.y.to(at(y, from + index)));
}

/**
 * @param {number[]} x
 * @param {number[]} y
 * @param {number} from
 * @param {number} to
 * @param {PlotArea} area
 */
function dotsPath(x, y, from, to, area) {
  let path = "";
  for (let index = from; index < to; index += 1) {
    path += linePath(1, () => area.x.to(at(x, index)), () => area.y.to(at(y, index)));
  }
  return path;
}

/**
 * @param {import("./bands.js").Bucket[]} low
 * @param {import("./bands.js").Bucket[]} high  as many
 * @param {PlotArea} area
 */
function areaOf(low, high, area) {
  /** @param {number} value */
  const toY = (value) => {
    const pixel = area.y.to(value);
    return Number.isFinite(pixel) ? pixel : area.height;
  };
  return areaPath(
    Math.min(low.length, high.length),
    (index) => low[index]?.x ?? NaN,
    (index) => toY(low[index]?.low ?? NaN),
    (index) => toY(high[index]?.high ?? NaN),
  );
}
