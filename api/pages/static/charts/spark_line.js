/** Both losses of a job, small enough for a row of a table: `<spark-line>`. It listens to nothing, so 200 cost little. */

import { s } from "../dom/h.js";
import { stylesheet } from "../dom/stylesheet.js";
import { at } from "./at.js";
import { bucketsOf } from "./bands.js";
import { linePath } from "./path.js";
import { linearScale } from "./scale.js";
import { valueLabel } from "./tick_labels.js";

await stylesheet(import.meta.url, "spark_line.css");

const WIDTH = 100;
const HEIGHT = 28;
const AIR = 2;
/** Two points a unit of the picture are as many as can be seen. */
const BUCKET = 0.5;

/**
 * @typedef {object} SparkLosses
 * @property {readonly number[]} x  rising
 * @property {readonly number[]} train  NaN where there is none
 * @property {readonly number[]} validation
 */

export class SparkLine extends HTMLElement {
  #train = s("path", { class: "spark-train" });
  #validation = s("path", { class: "spark-validation" });
  /** @type {SparkLosses} */
  #losses = { x: [], train: [], validation: [] };

  get losses() {
    return this.#losses;
  }
  set losses(losses) {
    this.#losses = losses;
    this.#draw();
  }

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.setAttribute("role", "img");
    const props = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    this.append(s("svg", props, this.#train, this.#validation));
    this.#draw();
  }

  #draw() {
    const { x, train, validation } = this.#losses;
    const values = [...train, ...validation].filter(Number.isFinite);
    this.setAttribute("aria-label", inWords(train, validation));
    if (values.length === 0) {
      this.#train.setAttribute("d", "");
      this.#validation.setAttribute("d", "");
      return;
    }
    const toX = linearScale([at(x, 0), at(x, x.length - 1)], [AIR, WIDTH - AIR]).to;
    const low = values.reduce((least, value) => Math.min(least, value), Infinity);
    const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
    const toY = linearScale([low, high], [HEIGHT - AIR, AIR]).to;
    for (const [path, y] of /** @type {const} */ ([[this.#train, train], [this.#validation, validation]])) {
      const points = bucketsOf(x, y, 0, x.length, toX, BUCKET);
      path.setAttribute("d", linePath(points.length, (index) => points[index]?.x ?? NaN, (index) => toY(points[index]?.last ?? NaN)));
    }
  }
}

/**
 * @param {readonly number[]} train
 * @param {readonly number[]} validation
 */
function inWords(train, validation) {
  return `${course("Training loss", train)}, ${course("validation loss", validation)}`;
}

/**
 * @param {string} name
 * @param {readonly number[]} y
 */
function course(name, y) {
  const values = y.filter(Number.isFinite);
  if (values.length === 0) return `${name}: none yet`;
  return `${name} from ${valueLabel(at(values, 0))} to ${valueLabel(at(values, values.length - 1))}`;
}

customElements.define("spark-line", SparkLine);
