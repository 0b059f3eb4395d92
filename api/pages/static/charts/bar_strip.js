/** Parts of a whole as one labelled bar: `<bar-strip>`, as of the parameters of a model. */

import { Component } from "../dom/component.js";
import { fill, h } from "../dom/h.js";
import { stylesheet } from "../dom/stylesheet.js";
import { integer } from "../format/numbers.js";

await stylesheet(import.meta.url, "bar_strip.css");

const COLOURS = 8;

/**
 * @typedef {object} BarPart
 * @property {string} label
 * @property {number} value
 * @property {"other" | "free"} [kind]  no part that it is about: the rest, and what is empty
 */

export class BarStrip extends Component {
  /** @type {readonly BarPart[]} */
  #parts = [];
  /** @type {(value: number) => string} */
  #text = integer;
  #bar = h("div", { class: "bar-strip-bar", "aria-hidden": "true" });
  #list = h("ul", { class: "bar-strip-list", role: "list" });

  get parts() {
    return this.#parts;
  }
  set parts(parts) {
    this.#parts = parts;
    this.changed();
  }

  get text() {
    return this.#text;
  }
  /** How a value is written. */
  set text(text) {
    this.#text = text;
    this.changed();
  }

  build() {
    this.append(this.#bar, this.#list);
  }

  render() {
    const parts = this.#parts.filter(({ value }) => value > 0);
    const whole = parts.reduce((sum, { value }) => sum + value, 0);
    fill(
      this.#bar,
      parts.map(({ label, value, kind }, index) =>
        h("div", { class: `bar-strip-part bar-colour-${kind ?? (index % COLOURS) + 1}`, vars: { "--share": value / whole }, title: `${label}: ${this.#text(value)}` }),
      ),
    );
    fill(
      this.#list,
      parts.map(({ label, value, kind }, index) =>
        h(
          "li",
          { class: `bar-colour-${kind ?? (index % COLOURS) + 1}` },
          h("span", { class: "bar-strip-label" }, label),
          h("span", { class: "bar-strip-value" }, this.#text(value)),
          h("span", { class: "bar-strip-share" }, share(value / whole)),
        ),
      ),
    );
  }
}

/**
 * @param {number} fraction
 * @returns {string} with a decimal where a whole number would say 0
 */
function share(fraction) {
  const percent = fraction * 100;
  if (percent < 0.05) return "< 0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)} %`;
}

customElements.define("bar-strip", BarStrip);
