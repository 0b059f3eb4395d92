/** Curves over one x: `<line-chart>`. */

import { Component } from "../dom/component.js";
import { fill, h } from "../dom/h.js";
import { stylesheet } from "../dom/stylesheet.js";
import { ChartHead } from "./chart_head.js";
import { chartMenu } from "./chart_menu.js";
import { ChartState } from "./chart_state.js";
import { listenForGestures } from "./gestures.js";
import { act } from "./key_actions.js";
import { actionOf } from "./keys.js";
import { Legend } from "./legend.js";
import { layOut } from "./plot_area.js";
import { PlotPicture } from "./plot_picture.js";
import { pointerActions } from "./pointer_actions.js";
import { pointInWords } from "./readout.js";
import { rising } from "./series.js";
import { TablePanel } from "./table_panel.js";
import { csvOf, tableOf } from "./value_table.js";
import { Zoom } from "./zoom.js";

await stylesheet(import.meta.url, "line_chart.css");

const HELP =
  "Arrow keys move the cursor from point to point, with Shift by ten; Home and End go to the ends; plus and minus zoom; " +
  "Escape takes the cursor away, then the zoom.";

/**
 * What it shows are properties, set anew for what changes. What a person does to it it tells by events:
 *
 *   cursor     the cursor moved: `chart.cursor`, an x, or null
 *   zoom       another window of x is shown: `chart.view`; detail `{from, to}` is what is seen (null: all), of which the
 *              owner may give finer points
 *   pick       a place was pressed: detail `{x}`
 *   highlight  a curve is pointed at: detail `{id}`, or null
 *   option     detail: the `options` that were changed in the menu
 *
 * Its parts share one `ChartState`. The owner's properties, pointers, keys, buttons and the menu change it; then `render` lays the
 * plot out and has the head, the legend, the picture and the table draw it. The cursor and the highlight, which move with the
 * pointer, are drawn at once and alone.
 */
export class LineChart extends Component {
  #state = new ChartState();
  #zoom = new Zoom(this.#state, {
    changed: () => this.changed(),
    settled: (range) => this.emit("zoom", { from: range?.[0] ?? null, to: range?.[1] ?? null }),
  });
  /** What pointers and keys do besides zooming. */
  #effects = {
    /** @param {number | null} x */
    moveCursor: (x) => {
      if (x === this.cursor) return;
      this.cursor = x;
      this.emit("cursor", { x });
    },
    /** @param {string | null} id */
    pointAtCurve: (id) => {
      if (id === this.highlighted) return;
      this.highlighted = id;
      this.emit("highlight", id === null ? null : { id });
    },
    /** @param {readonly [number, number] | null} pixels */
    select: (pixels) => {
      this.#state.selection = pixels;
      this.changed();
    },
    /** @param {number} x */
    pick: (x) => this.emit("pick", { x }),
    /** @param {number} x */
    say: (x) => fill(this.#live, pointInWords(x, this.#state)),
  };

  #picture = new PlotPicture();
  #table = new TablePanel();
  #head = new ChartHead(this.#zoom, () => chartMenu(this, { state: this.#state, picture: this.#picture, table: this.#table }));
  #legend = new Legend((id) => this.#toggle(id), this.#effects.pointAtCurve);
  #empty = h("p", { class: "chart-empty" });
  #note = h("p", { class: "chart-note" });
  #plot = h("div", { class: "chart-plot", tabindex: 0, role: "application", "aria-roledescription": "chart" }, this.#picture.node, this.#empty, this.#note);
  #live = h("p", { class: "unseen", "aria-live": "polite" });

  get heading() {
    return this.#state.heading;
  }
  set heading(heading) {
    this.#state.heading = heading;
    this.changed();
  }

  get series() {
    return this.#state.series;
  }
  /**
   * In the order in which they are named; the first ones are drawn on top. Points without an x are left out, and those
   * behind which x has already been, as where a resumed attempt begins at steps that were made before.
   */
  set series(series) {
    this.#state.series = series.map(rising);
    for (const chart of new Set([this, ...this.peers])) chart.changed();
  }

  get xAxis() {
    return this.#state.xAxis;
  }
  set xAxis(axis) {
    this.#state.xAxis = axis;
    this.changed();
  }

  get yAxis() {
    return this.#state.yAxis;
  }
  set yAxis(axis) {
    this.#state.yAxis = axis;
    this.changed();
  }

  get topAxis() {
    return this.#state.topAxis;
  }
  set topAxis(axis) {
    this.#state.topAxis = axis;
    this.changed();
  }

  get peers() {
    return this.#state.peers;
  }
  /** Charts that show the same x, this one among them: the first with points says what the whole is. See `linkCharts`. */
  set peers(peers) {
    this.#state.peers = peers;
    this.changed();
  }

  get marks() {
    return this.#state.marks;
  }
  set marks(marks) {
    this.#state.marks = marks;
    this.changed();
  }

  get options() {
    return this.#state.options;
  }
  set options(options) {
    this.#state.options = options;
    this.changed();
  }

  get smoothing() {
    return this.#state.smoothing;
  }
  /** From 0 to below 1. */
  set smoothing(weight) {
    this.#state.smoothing = weight;
    this.changed();
  }

  get emptyText() {
    return this.#state.emptyText;
  }
  set emptyText(text) {
    this.#state.emptyText = text;
    this.changed();
  }

  get view() {
    return this.#state.view;
  }
  set view(view) {
    this.#state.view = view;
    this.changed();
  }

  get cursor() {
    return this.#state.cursor;
  }
  set cursor(x) {
    if (x === this.#state.cursor) return;
    this.#state.cursor = x;
    this.#drawCursor();
  }

  get highlighted() {
    return this.#state.highlighted;
  }
  set highlighted(id) {
    this.#state.highlighted = id;
    this.#picture.drawHighlight(this.#state);
  }

  build() {
    this.classList.add("chart");
    this.replaceChildren(this.#head.node, this.#legend.node, this.#plot, this.#live, this.#table.node);
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    const observer = new ResizeObserver(() => {
      this.#state.size = { width: this.#plot.clientWidth, height: this.#plot.clientHeight };
      this.changed();
    });
    observer.observe(this.#plot);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      this.#zoom.forget();
    });
    const takesWheel = () => document.fullscreenElement === this;
    listenForGestures(this.#plot, { ...pointerActions(this.#state, this.#zoom, this.#effects), takesWheel }, signal);
    this.#plot.addEventListener("pointerleave", () => this.#effects.pointAtCurve(null), { signal });
    this.#plot.addEventListener("keydown", (event) => this.#keyDown(event), { signal });
  }

  render() {
    const state = this.#state;
    const layout = layOut(state);
    state.area = layout?.area ?? null;
    this.#head.draw(state);
    this.#plot.setAttribute("aria-label", `${state.heading}. ${HELP}`);
    fill(this.#empty, layout === null ? state.emptyText : "");
    if (layout !== null) fill(this.#note, layout.outside === 0 ? "" : `${layout.outside} beyond the picture`);
    this.#picture.draw(state);
    this.#drawCursor();
    this.#picture.drawHighlight(state);
    this.#table.draw(state);
  }

  #drawCursor() {
    this.#picture.drawCursor(this.#state);
    this.#head.drawCursor(this.#state);
    this.#legend.draw(this.#state);
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const action = event.target === this.#plot ? actionOf(event) : null;
    if (action === null || !act(action, this.#state, this.#zoom, this.#effects)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} id  of a curve, to be shown or not */
  #toggle(id) {
    const { hidden } = this.#state;
    if (!hidden.delete(id)) hidden.add(id);
    this.changed();
  }

  /** What is shown, as CSV. */
  csv() {
    const { xAxis, shown, range } = this.#state;
    return csvOf(tableOf(xAxis.label, shown, range ?? [0, 0]));
  }
}

customElements.define("line-chart", LineChart);
