/** Curves over one x: `<line-chart>`. */

import { MenuButton } from "../components/menu_button.js";
import { Component } from "../dom/component.js";
import { fill, h, make, s } from "../dom/h.js";
import { stylesheet } from "../dom/stylesheet.js";
import { at } from "./at.js";
import { AxisLayer } from "./axis_layer.js";
import { CursorLayer } from "./cursor_layer.js";
import { Curve } from "./curve.js";
import { listenForGestures } from "./gestures.js";
import { actionOf } from "./keys.js";
import { Legend, lastValue } from "./legend.js";
import { MarkLayer } from "./mark_layer.js";
import { valueRange } from "./outliers.js";
import { fileName, pngFile, save, standalone, svgFile } from "./picture.js";
import { plotArea, withAir } from "./plot_area.js";
import { nearestX, pointAt, rangeOfX, rising, stepAlong, valuesSeen } from "./series.js";
import { valueLabel } from "./tick_labels.js";
import { csvOf, someOf, tableOf } from "./value_table.js";
import { isWhole, panned, shownRange, WHOLE, windowOf, zoomed } from "./view_window.js";

await stylesheet(import.meta.url, "line_chart.css");

/** Of more points, or more curves, dots would hide the lines. */
const MOST_DOTS = 60;
const MOST_WITH_DOTS = 3;
const DOT_PIXELS = 3;
const MOST_ROWS_OF_TABLE = 200;
/** So near a curve the pointer means it. */
const NEAR_PIXELS = 14;
/** A wheel sends many events for what is one zoom: the owner is asked for rows when it rests. */
const ZOOM_SETTLES_MS = 150;
const HELP =
  "Arrow keys move the cursor from point to point, with Shift by ten; Home and End go to the ends; plus and minus zoom; " +
  "Escape takes the cursor away, then the zoom.";

/** @typedef {import("./series.js").Series} Series */
/** @typedef {import("./axis_layer.js").AxisText} AxisText */
/** @typedef {AxisText & {format?: (value: number) => string, isFromZero?: boolean}} ValueAxis  from 0: what doubles is twice as high */
/** @typedef {import("./axis_layer.js").TopAxis} TopAxis */
/** @typedef {import("./mark_layer.js").Mark} Mark */
/** @typedef {import("./view_window.js").ViewWindow} ViewWindow */

/**
 * @typedef {object} ChartOptions
 * @property {boolean} isLogX
 * @property {boolean} isLogY
 * @property {boolean} clipsOutliers
 */

/**
 * What it shows are properties, set anew for what changes. What a person does to it it tells by events:
 *
 *   cursor     the cursor moved: `chart.cursor`, an x, or null
 *   zoom       another window of x is shown: `chart.view`; detail `{from, to}` is what is seen (null: all), of which the
 *              owner may give finer points
 *   pick       a place was pressed: detail `{x}`
 *   highlight  a curve is pointed at: detail `{id}`, or null
 *   option     detail: the `options` that were changed in the menu
 */
export class LineChart extends Component {
  /** @type {readonly Series[]} */
  #series = [];
  /** @type {Map<string, Curve>} */
  #curves = new Map();
  /** @type {Set<string>} */
  #hidden = new Set();
  /** @type {AxisText} */
  #xAxis = { label: "Step", kind: "whole" };
  /** @type {ValueAxis} */
  #yAxis = { label: "", kind: "number" };
  /** @type {TopAxis | null} */
  #topAxis = null;
  /** @type {readonly LineChart[]} */
  #peers = [];
  /** @type {readonly Mark[]} */
  #marks = [];
  /** @type {ChartOptions} */
  #options = { isLogX: false, isLogY: false, clipsOutliers: true };
  #smoothing = 0;
  #heading = "";
  #emptyText = "Nothing was measured yet.";
  /** @type {ViewWindow} */
  #view = WHOLE;
  /** @type {number | null} */
  #cursor = null;
  /** @type {string | null} */
  #highlighted = null;
  /** @type {readonly [number, number] | null} pixels of what is dragged over */
  #selection = null;
  /** @type {import("./plot_area.js").PlotArea | null} */
  #area = null;
  #size = { width: 0, height: 0 };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;

  #axes = new AxisLayer();
  #markLayer = new MarkLayer();
  #cursorLayer = new CursorLayer();
  #curveGroup = s("g");
  #selectionRect = s("rect", { class: "chart-selection is-hidden", y: 0 });
  #inner = s("svg", { class: "chart-inner" }, this.#curveGroup, this.#selectionRect);
  #picture = s("svg", { class: "chart-picture", "aria-hidden": "true" }, this.#axes.node, this.#inner, this.#markLayer.node, this.#cursorLayer.node);
  #empty = h("p", { class: "chart-empty" });
  #note = h("p", { class: "chart-note" });
  #plot = h("div", { class: "chart-plot", tabindex: 0, role: "application", "aria-roledescription": "chart" }, this.#picture, this.#empty, this.#note);
  #title = h("h3", { class: "chart-title" });
  #readout = h("span", { class: "chart-readout" });
  #follow = h("button", { type: "button", class: "button quiet", title: "Move on with the newest points" }, "Follow");
  #whole = h("button", { type: "button", class: "button quiet", title: "Show all points (double click)" }, "Reset zoom");
  #menu = make(MenuButton, { icon: "more", items: () => this.#menuItems() });
  #tools = h("div", { class: "chart-tools" }, this.#follow, this.#whole, this.#menu);
  #legend = new Legend((id) => this.#toggle(id), (id) => this.#pointAtCurve(id));
  #live = h("p", { class: "unseen", "aria-live": "polite" });
  #table = h("div", { class: "chart-table", hidden: true, tabindex: 0, role: "region" });

  get heading() {
    return this.#heading;
  }
  set heading(heading) {
    this.#heading = heading;
    this.changed();
  }

  get series() {
    return this.#series;
  }
  /**
   * In the order in which they are named; the first ones are drawn on top. Points without an x are left out, and those
   * behind which x has already been, as where a resumed attempt begins at steps that were made before.
   */
  set series(series) {
    this.#series = series.map(rising);
    for (const chart of new Set([this, ...this.#peers])) chart.changed();
  }

  get xAxis() {
    return this.#xAxis;
  }
  set xAxis(axis) {
    this.#xAxis = axis;
    this.changed();
  }

  get yAxis() {
    return this.#yAxis;
  }
  set yAxis(axis) {
    this.#yAxis = axis;
    this.changed();
  }

  get topAxis() {
    return this.#topAxis;
  }
  set topAxis(axis) {
    this.#topAxis = axis;
    this.changed();
  }

  get peers() {
    return this.#peers;
  }
  /** Charts that show the same x, this one among them: the first with points says what the whole is. See `linkCharts`. */
  set peers(peers) {
    this.#peers = peers;
    this.changed();
  }

  get marks() {
    return this.#marks;
  }
  set marks(marks) {
    this.#marks = marks;
    this.changed();
  }

  get options() {
    return this.#options;
  }
  set options(options) {
    this.#options = options;
    this.changed();
  }

  get smoothing() {
    return this.#smoothing;
  }
  /** From 0 to below 1. */
  set smoothing(weight) {
    this.#smoothing = weight;
    this.changed();
  }

  get emptyText() {
    return this.#emptyText;
  }
  set emptyText(text) {
    this.#emptyText = text;
    this.changed();
  }

  get view() {
    return this.#view;
  }
  set view(view) {
    this.#view = view;
    this.changed();
  }

  get cursor() {
    return this.#cursor;
  }
  set cursor(x) {
    if (x === this.#cursor) return;
    this.#cursor = x;
    this.#drawCursor();
  }

  get highlighted() {
    return this.#highlighted;
  }
  set highlighted(id) {
    this.#highlighted = id;
    this.#drawHighlight();
  }

  build() {
    this.classList.add("chart");
    this.replaceChildren(
      h("div", { class: "chart-head" }, this.#title, this.#readout, this.#tools),
      this.#legend.node,
      this.#plot,
      this.#live,
      this.#table,
    );
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    const observer = new ResizeObserver(() => {
      this.#size = { width: this.#plot.clientWidth, height: this.#plot.clientHeight };
      this.changed();
    });
    observer.observe(this.#plot);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      clearTimeout(this.#settling);
    });
    this.#follow.addEventListener("click", () => this.#setFollows(!this.#view.follows), { signal });
    this.#whole.addEventListener("click", () => this.#reset(), { signal });
    this.#plot.addEventListener("keydown", (event) => this.#keyDown(event), { signal });
    this.#plot.addEventListener("pointerleave", () => this.#pointAtCurve(null), { signal });
    listenForGestures(this.#plot, this.#gestures(), signal);
  }

  render() {
    const shown = this.#shown();
    fill(this.#title, this.#heading);
    if (this.#menu.label !== `More of: ${this.#heading}`) {
      this.#menu.label = `More of: ${this.#heading}`;
      this.#menu.changed();
    }
    this.#plot.setAttribute("aria-label", `${this.#heading}. ${HELP}`);
    this.#whole.hidden = isWhole(this.#view);
    this.#follow.hidden = isWhole(this.#view);
    this.#follow.setAttribute("aria-pressed", String(this.#view.follows));
    const area = this.#layOut(shown);
    this.#area = area;
    fill(this.#empty, area === null ? this.#emptyText : "");
    this.#picture.classList.toggle("is-hidden", area === null);
    if (area !== null) this.#drawCurves(area, shown);
    this.#drawCursor();
    this.#drawHighlight();
    if (!this.#table.hidden) this.#drawTable();
  }

  #shown() {
    return this.#series.filter(({ id }) => !this.#hidden.has(id));
  }

  /** @returns {readonly [number, number] | null} x of what is seen */
  #range() {
    const all = this.#all();
    return all === null ? null : shownRange(this.#view, all);
  }

  /** @returns {readonly [number, number] | null} from the first x to the last that can be seen */
  #all() {
    const { isLogX } = this.#options;
    const own = rangeOfX(this.#series, isLogX);
    if (own === null) return null;
    const ranges = this.#peers.map(({ series }) => rangeOfX(series, isLogX));
    return ranges.find((range) => range !== null) ?? own;
  }

  /**
   * @param {readonly Series[]} shown
   * @returns {import("./plot_area.js").PlotArea | null} null if there is nothing to draw
   */
  #layOut(shown) {
    const { isLogX, isLogY, clipsOutliers } = this.#options;
    const range = this.#range();
    if (range === null || this.#size.width === 0) return null;
    const values = valueRange(valuesSeen(shown, range, isLogY), clipsOutliers);
    fill(this.#note, values === null || values.outside === 0 ? "" : `${values.outside} beyond the picture`);
    const y = values === null ? /** @type {const} */ ([1, 2]) : withAir([values.low, values.high], isLogY, this.#yAxis.isFromZero);
    return plotArea(this.#size, this.#topAxis !== null, { range, isLog: isLogX }, { range: y, isLog: isLogY });
  }

  /**
   * @param {import("./plot_area.js").PlotArea} area
   * @param {readonly Series[]} shown
   */
  #drawCurves(area, shown) {
    const { width, height } = this.#size;
    setAttributes(this.#picture, { width, height });
    // A little more than the area: dots at its edge are whole.
    const inner = [-DOT_PIXELS, -DOT_PIXELS, area.width + 2 * DOT_PIXELS, area.height + 2 * DOT_PIXELS];
    setAttributes(this.#inner, { x: area.left - DOT_PIXELS, y: area.top - DOT_PIXELS, width: area.width + 2 * DOT_PIXELS, height: area.height + 2 * DOT_PIXELS });
    this.#inner.setAttribute("viewBox", inner.join(" "));
    this.#axes.draw(area, { x: this.#xAxis, y: this.#yAxis, top: this.#topAxis });
    const before = this.#curves;
    this.#curves = new Map(shown.map(({ id }) => [id, before.get(id) ?? new Curve()]));
    const hasDots = shown.length <= MOST_WITH_DOTS && shown.every(({ x }) => x.length <= MOST_DOTS);
    for (const series of shown) this.#curves.get(series.id)?.draw(series, area, this.#smoothing, hasDots);
    const nodes = [...this.#curves.values()].map(({ node }) => node).toReversed();
    const isSame = nodes.length === this.#curveGroup.children.length && nodes.every((node, index) => node === this.#curveGroup.children[index]);
    if (!isSame) this.#curveGroup.replaceChildren(...nodes);
    this.#markLayer.draw(area, this.#marks);
    const [from, to] = this.#selection ?? [0, 0];
    setAttributes(this.#selectionRect, { x: Math.min(from, to), width: Math.abs(to - from), height: area.height });
    this.#selectionRect.classList.toggle("is-hidden", this.#selection === null);
  }

  #drawCursor() {
    const shown = this.#shown();
    if (this.#area !== null) this.#cursorLayer.draw(this.#area, shown, this.#cursor, this.#xAxis.kind);
    fill(this.#readout, ...[this.#readoutText()].flat());
    // The only curve has the heading's name.
    this.#legend.node.hidden = this.#series.length < 2;
    this.#legend.draw({
      series: this.#series,
      hidden: this.#hidden,
      highlighted: this.#highlighted,
      cursor: this.#cursor,
      text: (value) => this.#valueText(value),
    });
  }

  #drawHighlight() {
    const isDimming = this.#highlighted !== null && this.#curves.has(this.#highlighted);
    for (const [id, { node }] of this.#curves) {
      node.classList.toggle("is-highlighted", isDimming && id === this.#highlighted);
      node.classList.toggle("is-dimmed", isDimming && id !== this.#highlighted);
    }
  }

  #drawTable() {
    const range = this.#range();
    if (range === null) return this.#table.replaceChildren(this.#emptyText);
    const { columns, rows } = tableOf(this.#xAxis.label, this.#shown(), range);
    const some = someOf(rows, MOST_ROWS_OF_TABLE);
    /** @param {number} value @param {number} column */
    const texts = (value, column) => (column === 0 ? valueLabel(value, this.#xAxis.kind) : this.#valueText(value));
    const caption = some.length < rows.length ? `${some.length} of ${rows.length} points; all are in the CSV` : `${rows.length} points`;
    this.#table.setAttribute("aria-label", `${this.#heading}: values`);
    this.#table.replaceChildren(
      h(
        "table",
        {},
        h("caption", {}, caption),
        h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
        h("tbody", {}, some.map((row) => h("tr", {}, row.map((value, index) => h("td", {}, texts(value, index)))))),
      ),
    );
  }

  /** @param {number} value */
  #valueText(value) {
    return this.#yAxis.format?.(value) ?? valueLabel(value, this.#yAxis.kind);
  }

  /** Where the cursor is, and the value of the only curve there, or else its last. */
  #readoutText() {
    const place = this.#cursor === null ? "" : this.#placeInWords(this.#cursor);
    const [only, second] = this.#series;
    if (only === undefined || second !== undefined) return place;
    const index = this.#cursor === null ? lastValue(only.y) : pointAt(only, this.#cursor);
    const value = h("strong", {}, index < 0 ? "–" : this.#valueText(at(only.y, index)));
    return place === "" ? [value] : [value, ` · ${place}`];
  }

  /** @param {number} x */
  #placeInWords(x) {
    const marks = this.#marks.filter((mark) => mark.x === x).map(({ label }) => label);
    return [`${this.#xAxis.label} ${valueLabel(x, this.#xAxis.kind)}`, ...marks].join(" · ");
  }

  /** @param {number} x */
  #say(x) {
    const values = this.#shown().map((series) => {
      const index = pointAt(series, x);
      return `${series.label} ${index < 0 ? "none" : this.#valueText(at(series.y, index))}`;
    });
    fill(this.#live, [this.#placeInWords(x), ...values].join(", "));
  }

  /** @returns {import("./gestures.js").GestureTarget} */
  #gestures() {
    return {
      point: (x, y) => this.#pointAtPixel(x, y),
      selecting: (from, to) => this.#select([from, to]),
      selected: (from, to) => {
        const { area, xAt } = this.#places();
        this.#select(null);
        if (area !== null) this.#zoomTo([xAt(Math.min(from, to)), xAt(Math.max(from, to))]);
      },
      unselected: () => this.#select(null),
      pick: (x) => {
        const place = nearestX(this.#shown(), this.#places().xAt(x));
        if (place !== null) this.emit("pick", { x: place });
      },
      reset: () => this.#reset(),
      zoom: (factor, about) => this.#zoomBy(factor, this.#places().xAt(about)),
      pan: (pixels) => {
        const range = this.#range();
        if (range === null || this.#area === null || isWhole(this.#view)) return;
        this.#zoomTo(panned(range, pixels / this.#area.width, this.#options.isLogX), true);
      },
      takesWheel: () => document.fullscreenElement === this,
    };
  }

  /** What pixels of the plot mean. */
  #places() {
    const area = this.#area;
    return {
      area,
      /** @param {number} pixel  from the left of the plot */
      xAt: (pixel) => (area === null ? NaN : area.x.from(Math.min(Math.max(pixel - area.left, 0), area.width))),
    };
  }

  /** @param {readonly [number, number] | null} pixels  from the left of the plot */
  #select(pixels) {
    const left = this.#area?.left ?? 0;
    this.#selection = pixels === null ? null : [pixels[0] - left, pixels[1] - left];
    this.changed();
  }

  /**
   * @param {number} pixel
   * @param {number} y
   */
  #pointAtPixel(pixel, y) {
    const { area, xAt } = this.#places();
    if (area === null) return;
    this.#moveCursor(nearestX(this.#shown(), xAt(pixel)));
    // Of two curves none is hard to follow: dimming the other would only flicker.
    if (this.#shown().length > 2) this.#pointAtCurve(this.#curveNear(y - area.top, area));
  }

  /**
   * @param {number} pixel  from the top of the area
   * @param {import("./plot_area.js").PlotArea} area
   * @returns {string | null} id of the curve that is nearest there, at the cursor's x
   */
  #curveNear(pixel, area) {
    if (this.#cursor === null) return null;
    let found = null;
    let least = NEAR_PIXELS;
    for (const series of this.#shown()) {
      const index = pointAt(series, this.#cursor);
      const distance = index < 0 ? Infinity : Math.abs(area.y.to(at(series.y, index)) - pixel);
      if (distance < least) {
        least = distance;
        found = series.id;
      }
    }
    return found;
  }

  /** @param {string | null} id */
  #pointAtCurve(id) {
    if (id === this.#highlighted) return;
    this.highlighted = id;
    this.emit("highlight", id === null ? null : { id });
  }

  /** @param {number | null} x */
  #moveCursor(x) {
    if (x === this.#cursor) return;
    this.cursor = x;
    this.emit("cursor", { x });
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const action = event.target === this.#plot ? actionOf(event) : null;
    const range = this.#range();
    if (action === null || range === null) return;
    const handled = this.#act(action, range);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {import("./keys.js").KeyAction} action
   * @param {readonly [number, number]} range
   * @returns {boolean} whether there was something to do
   */
  #act(action, range) {
    switch (action.does) {
      case "step":
        return this.#goTo(this.#cursor === null ? range[1] : stepAlong(this.#shown(), this.#cursor, action.count));
      case "first":
        return this.#goTo(rangeOfX(this.#shown(), this.#options.isLogX)?.[0] ?? null);
      case "last":
        return this.#goTo(rangeOfX(this.#shown(), this.#options.isLogX)?.[1] ?? null);
      case "zoom":
        this.#zoomBy(action.factor, this.#cursor ?? (range[0] + range[1]) / 2);
        return true;
      case "reset":
        this.#reset();
        return true;
      case "pick":
        if (this.#cursor !== null) this.emit("pick", { x: this.#cursor });
        return this.#cursor !== null;
      case "escape":
        return this.#escape();
    }
  }

  /**
   * The cursor to a point, and the window after it.
   * @param {number | null} x
   */
  #goTo(x) {
    const place = x === null ? null : nearestX(this.#shown(), x);
    const range = this.#range();
    if (place === null || range === null) return false;
    this.#moveCursor(place);
    this.#say(place);
    const beyond = place - Math.min(Math.max(place, range[0]), range[1]);
    if (beyond !== 0) this.#zoomTo([range[0] + beyond, range[1] + beyond], true);
    return true;
  }

  #escape() {
    if (this.#selection !== null) this.#select(null);
    else if (this.#cursor !== null) this.#moveCursor(null);
    else if (!isWhole(this.#view)) this.#reset();
    else return false;
    return true;
  }

  /**
   * @param {number} factor
   * @param {number} about  x
   */
  #zoomBy(factor, about) {
    const range = this.#range();
    if (range !== null) this.#zoomTo(zoomed(range, factor, about, this.#options.isLogX), true);
  }

  /**
   * @param {readonly [number, number]} range  of x
   * @param {boolean} isOneOfMany  others may follow at once
   */
  #zoomTo(range, isOneOfMany = false) {
    const all = this.#all();
    if (all !== null) this.#setView(windowOf(range, all), isOneOfMany);
  }

  #reset() {
    if (!isWhole(this.#view)) this.#setView(WHOLE);
  }

  /** @param {boolean} follows */
  #setFollows(follows) {
    this.#setView({ ...this.#view, follows });
  }

  /**
   * @param {ViewWindow} view
   * @param {boolean} isOneOfMany
   */
  #setView(view, isOneOfMany = false) {
    this.view = view;
    clearTimeout(this.#settling);
    const tell = () => {
      const range = isWhole(this.#view) ? null : this.#range();
      this.emit("zoom", { from: range?.[0] ?? null, to: range?.[1] ?? null });
    };
    if (isOneOfMany) this.#settling = setTimeout(tell, ZOOM_SETTLES_MS);
    else tell();
  }

  /** @param {string} id */
  #toggle(id) {
    if (!this.#hidden.delete(id)) this.#hidden.add(id);
    this.changed();
  }

  /** @returns {import("../components/menu_button.js").MenuItem[]} */
  #menuItems() {
    /** @param {keyof ChartOptions} name @param {string} label */
    const option = (name, label) => ({
      label,
      checked: this.#options[name],
      stays: true,
      act: () => {
        this.options = { ...this.#options, [name]: !this.#options[name] };
        this.emit("option", this.#options);
      },
    });
    return [
      option("isLogY", "Logarithmic values"),
      option("isLogX", `Logarithmic ${this.#xAxis.label.toLowerCase()}`),
      option("clipsOutliers", "Leave out outliers"),
      { label: "Table of values", checked: !this.#table.hidden, act: () => this.#toggleTable() },
      { label: "Full screen", checked: document.fullscreenElement === this, act: () => void this.#toggleFullScreen() },
      { label: "Save as PNG", icon: "download", act: () => void this.#savePng() },
      { label: "Save as SVG", icon: "download", act: () => save(svgFile(this.#standalone()), `${fileName(this.#heading)}.svg`) },
      { label: "Save as CSV", icon: "download", act: () => save(new Blob([this.csv()], { type: "text/csv" }), `${fileName(this.#heading)}.csv`) },
    ];
  }

  /** What is shown, as CSV. */
  csv() {
    const range = this.#range() ?? /** @type {const} */ ([0, 0]);
    return csvOf(tableOf(this.#xAxis.label, this.#shown(), range));
  }

  #standalone() {
    return standalone(this.#picture, this.#heading, this.#shown(), getComputedStyle(this).backgroundColor);
  }

  async #savePng() {
    save(await pngFile(this.#standalone()), `${fileName(this.#heading)}.png`);
  }

  #toggleTable() {
    this.#table.hidden = !this.#table.hidden;
    this.changed();
  }

  async #toggleFullScreen() {
    if (document.fullscreenElement === this) await document.exitFullscreen();
    else await this.requestFullscreen();
  }
}

/**
 * @param {Element} element
 * @param {Record<string, number>} attributes
 */
function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

customElements.define("line-chart", LineChart);
