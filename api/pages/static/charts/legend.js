/** The names of a chart's series, with the values at the cursor, or else the last ones. */

import { fill, h, s } from "../dom/h.js";
import { keyed } from "../dom/keyed.js";
import { readingOf } from "./readout.js";

/** @import { ChartState } from "./chart_state.js" */
/** @import { Series } from "./series.js" */

/** @typedef {{node: Element, button: HTMLButtonElement, swatch: Element, label: Element, value: Element}} Entry */

export class Legend {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  node = h("ul", { class: "chart-legend", "aria-label": "Curves" });

  /**
   * @param {(id: string) => void} onToggle  shown or not
   * @param {(id: string | null) => void} onPoint
   */
  constructor(onToggle, onPoint) {
    this.onToggle = onToggle;
    this.onPoint = onPoint;
  }

  /** @param {ChartState} state */
  draw(state) {
    // The only curve has the heading's name.
    this.node.hidden = state.series.length < 2;
    keyed(
      this.node,
      state.series,
      ({ id }) => id,
      ({ id }) => this.#entryOf(id).node,
      (_, series) => update(this.#entryOf(series.id), series, state),
    );
  }

  /** @param {string} id */
  #entryOf(id) {
    const entry = this.#entries.get(id) ?? this.#entry(id);
    this.#entries.set(id, entry);
    return entry;
  }

  /**
   * @param {string} id
   * @returns {Entry}
   */
  #entry(id) {
    const swatch = s("svg", { class: "chart-swatch", viewBox: "0 0 22 8", "aria-hidden": "true" }, s("path", { class: "chart-line", d: "M1 4h20" }));
    const label = h("span", { class: "chart-legend-label" });
    const value = h("span", { class: "chart-legend-value" });
    const button = h(
      "button",
      {
        type: "button",
        class: "chart-legend-entry",
        on: {
          click: () => this.onToggle(id),
          pointerenter: () => this.onPoint(id),
          pointerleave: () => this.onPoint(null),
        },
      },
      swatch,
      label,
      value,
    );
    return { node: h("li", {}, button), button, swatch, label, value };
  }
}

/**
 * @param {Entry} entry
 * @param {Series} series
 * @param {ChartState} state
 */
function update({ button, swatch, label, value }, series, state) {
  const isShown = !state.hidden.has(series.id);
  button.setAttribute("aria-pressed", String(isShown));
  button.title = isShown ? "Hide this curve" : "Show this curve";
  button.classList.toggle("is-highlighted", state.highlighted === series.id);
  swatch.setAttribute("class", `chart-swatch chart-colour-${series.colour}${series.isDashed ? " is-dashed" : ""}`);
  fill(label, series.label);
  fill(value, readingOf(series, state));
}
