/** What stands above a chart: its heading, what is read of it, the buttons of the zoom, and its menu. */

import { MenuButton } from "../components/menu_button.js";
import { fill, h, make } from "../dom/h.js";
import { placeInWords, readingOf } from "./readout.js";
import { isWhole } from "./view_window.js";

/** @import { MenuItem } from "../components/menu_button.js" */
/** @import { ChartState } from "./chart_state.js" */
/** @import { Zoom } from "./zoom.js" */

export class ChartHead {
  #title = h("h3", { class: "chart-title" });
  #readout = h("span", { class: "chart-readout" });
  #follow = h("button", { type: "button", class: "button quiet", title: "Move on with the newest points" }, "Follow");
  #whole = h("button", { type: "button", class: "button quiet", title: "Show all points (double click)" }, "Reset zoom");
  #menu;

  /**
   * @param {Zoom} zoom
   * @param {() => MenuItem[]} items  of the menu
   */
  constructor(zoom, items) {
    this.#follow.addEventListener("click", () => zoom.toggleFollows());
    this.#whole.addEventListener("click", () => zoom.reset());
    this.#menu = make(MenuButton, { icon: "more", items });
    const tools = h("div", { class: "chart-tools" }, this.#follow, this.#whole, this.#menu);
    this.node = h("div", { class: "chart-head" }, this.#title, this.#readout, tools);
  }

  /** @param {ChartState} state */
  draw({ heading, view }) {
    fill(this.#title, heading);
    if (this.#menu.label !== `More of: ${heading}`) {
      this.#menu.label = `More of: ${heading}`;
      this.#menu.changed();
    }
    this.#whole.hidden = isWhole(view);
    this.#follow.hidden = isWhole(view);
    this.#follow.setAttribute("aria-pressed", String(view.follows));
  }

  /**
   * Where the cursor is, and the value of the only curve there, or else its last.
   * @param {ChartState} state
   */
  drawCursor(state) {
    const place = state.cursor === null ? "" : placeInWords(state.cursor, state);
    const [only, second] = state.series;
    if (only === undefined || second !== undefined) return fill(this.#readout, place);
    fill(this.#readout, h("strong", {}, readingOf(only, state)), place !== "" && ` · ${place}`);
  }
}
