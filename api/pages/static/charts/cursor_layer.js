/** The cursor: a line at its x, a dot on each curve, and its x on the axis. */

import { apply, s } from "../dom/h.js";
import { at } from "./at.js";
import { pointAt } from "./series.js";
import { valueLabel } from "./tick_labels.js";

/** Draws into a group of its own. */
export class CursorLayer {
  #line = s("line", { class: "chart-cursor-line" });
  #dots = s("g");
  #plate = s("rect", { class: "chart-cursor-plate", rx: 4, height: 19 });
  #text = s("text", { class: "chart-cursor-text", "text-anchor": "middle" });
  node = s("g", { class: "chart-cursor" }, this.#line, this.#dots, this.#plate, this.#text);

  /**
   * @param {import("./plot_area.js").PlotArea} area
   * @param {readonly import("./series.js").Series[]} series
   * @param {number | null} x  null: no cursor
   * @param {import("./ticks.js").Kind} kind  of x
   */
  draw({ left, top, width, height, ...scales }, series, x, kind) {
    const pixel = x === null ? NaN : scales.x.to(x);
    const isShown = x !== null && pixel >= -0.5 && pixel <= width + 0.5;
    this.node.classList.toggle("is-hidden", !isShown);
    if (!isShown) return;
    const middle = left + Math.round(pixel * 10) / 10;
    apply(this.#line, { x1: middle, x2: middle, y1: top, y2: top + height });
    this.#dots.replaceChildren(
      ...series.flatMap((one) => {
        const index = pointAt(one, x);
        const y = index < 0 ? NaN : scales.y.to(at(one.y, index));
        if (!(y >= 0 && y <= height)) return [];
        return [s("circle", { class: `chart-cursor-dot chart-colour-${one.colour}`, cx: left + scales.x.to(at(one.x, index)), cy: top + y, r: 4 })];
      }),
    );
    const label = valueLabel(x, kind);
    // Digits are a little narrower than seven pixels in the size of ticks.
    const plateWidth = label.length * 6.6 + 14;
    const plateX = Math.min(Math.max(middle, left + plateWidth / 2 - 30), left + width + 16 - plateWidth / 2);
    apply(this.#plate, { x: plateX - plateWidth / 2, y: top + height + 3, width: plateWidth });
    apply(this.#text, { x: plateX, y: top + height + 16.5 });
    this.#text.textContent = label;
  }
}
