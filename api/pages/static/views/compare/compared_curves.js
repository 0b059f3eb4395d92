import { AXES } from "../../charts/axes.js";
import { LineChart } from "../../charts/line_chart.js";
import { linkCharts } from "../../charts/linked_charts.js";
import { isWhole } from "../../charts/view_window.js";
import { setChoices } from "../../components/choices.js";
import { toolbar } from "../../components/toolbar.js";
import { CurveControls } from "../../curves/curve_controls.js";
import { smoothingFor } from "../../curves/curve_settings.js";
import { xValues } from "../../curves/x_values.js";
import { Component } from "../../dom/component.js";
import { h, make } from "../../dom/h.js";
import { rate } from "../../format/numbers.js";
import { comparedSeries } from "./compared_series.js";
import { compareSettingsOf } from "./compare_settings.js";
import { percentWithSign } from "./results.js";

/** @import { ValueAxis } from "../../charts/axis_layer.js" */
/** @import { LossRecord } from "../../types/records.d.ts" */
/** @import { CompareSettings } from "./compare_settings.js" */
/** @import { ComparedHistories } from "./compared_histories.js" */
/** @import { Look } from "./looks.js" */

/** @type {readonly {heading: string, of: (row: LossRecord) => number | null, axis?: ValueAxis}[]} */
const METRICS = [
  { heading: "Validation loss", of: (row) => row.val_loss },
  { heading: "Training loss", of: (row) => row.train_loss },
  { heading: "Learning rate", of: (row) => row.learning_rate, axis: { label: "", kind: "number", format: rate } },
  { heading: "Tokens a second", of: (row) => row.tokens_per_s },
];
const LOSSES = 2;
/** @type {ValueAxis} */
const PERCENT = { label: "", kind: "number", format: percentWithSign };

/**
 * The curves of all jobs over one x.
 *
 * Events: `settings` (a part of `CompareSettings`), `highlight` (the id of a curve, or null), `step` (that was pressed).
 */
export class ComparedCurves extends Component {
  settings = compareSettingsOf(new URLSearchParams());
  /** @type {ComparedHistories | null} */
  histories = null;
  /** @type {Map<string, Look>} By id, in the order of the jobs. */
  looks = new Map();
  /** @type {string[]} Fields of the specs by which they can be coloured. */
  fields = [];

  #controls = new CurveControls((changes) => this.emit("settings", changes));
  #colour = h("select", { class: "select", "aria-label": "Colour by" });
  #mean = this.#toggle("Mean and range", "One curve for all jobs of a colour: their mean, and from the least to the greatest", () => ({ isGrouped: !this.settings.isGrouped }));
  #relative = this.#toggle("% to baseline", "How far each curve is above that of the baseline", () => ({ isRelative: !this.settings.isRelative }));
  #charts = METRICS.map(({ heading }) => make(LineChart, { heading, emptyText: "No evaluations yet." }));
  #shown = "";
  #shownWindow = "";

  build() {
    this.className = "panel panel-body stack";
    this.append(
      toolbar("Curves", h("h2", { class: "compare-heading" }, "Curves"), ...this.#controls.elements, this.#colour, this.#mean, this.#relative),
      h("div", { class: "compare-losses" }, ...this.#charts.slice(0, LOSSES)),
      h("div", { class: "compare-small" }, ...this.#charts.slice(LOSSES)),
    );
    this.#colour.addEventListener("change", () => this.emit("settings", { colourBy: this.#colour.value || null, isGrouped: this.settings.isGrouped && this.#colour.value !== "" }));
    for (const chart of this.#charts) {
      chart.addEventListener("zoom", () => this.emit("settings", isWhole(chart.view) ? { from: null, to: null, follows: false } : { ...chart.view }));
      chart.addEventListener("highlight", (event) => {
        event.stopPropagation();
        const id = /** @type {CustomEvent} */ (event).detail?.id ?? null;
        this.highlighted = id;
        this.emit("lit", id);
      });
      chart.addEventListener("option", (event) => {
        const { isLogX, isLogY, clipsOutliers } = /** @type {CustomEvent} */ (event).detail;
        this.emit("settings", this.#isLoss(chart) ? { isLogX, isLogY, clipsOutliers } : { isLogX });
      });
      chart.addEventListener("pick", (event) => {
        const step = this.#reference?.toStep(/** @type {CustomEvent} */ (event).detail.x);
        if (step !== undefined && Number.isFinite(step)) this.emit("step", Math.max(0, Math.round(step)));
      });
    }
    this.addEventListener("pointerleave", () => this.#stand());
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    linkCharts(this.#charts, signal);
  }

  /** @param {string | null} id  of a curve */
  set highlighted(id) {
    for (const chart of this.#charts) chart.highlighted = id;
  }

  render() {
    const { settings, histories, looks, fields } = this;
    if (histories === null) return;
    const state = JSON.stringify([histories.version, settings, [...looks], fields]);
    if (state === this.#shown) return;
    this.#shown = state;
    const runs = [...looks].map(([id, look]) => ({ id, look, losses: histories.of(id)?.losses ?? [], metrics: histories.of(id)?.metrics ?? [] }));
    const placed = runs.map((run) => ({ ...run, x: xValues(settings.x, run.losses, run.metrics).ofLosses }));
    const smoothing = smoothingFor(settings.smoothing, Math.max(0, ...runs.map(({ losses }) => losses.length)));
    this.#renderControls(smoothing);
    const options = { isGrouped: settings.isGrouped, baseline: settings.isRelative ? settings.baseline : null };
    // Only a window that is another: a chart tells of a new one when a hand or a wheel rests, and may be drawn before.
    const { from, to, follows } = settings;
    const window = JSON.stringify([from, to, follows]);
    const isOther = window !== this.#shownWindow;
    this.#shownWindow = window;
    for (const [index, chart] of this.#charts.entries()) {
      const { of, axis } = METRICS[index] ?? {};
      if (of === undefined) continue;
      const isRelative = options.baseline !== null && this.#isLoss(chart);
      chart.series = comparedSeries(placed.map(({ id, look, losses, x }) => ({ id, look, x, y: losses.map((row) => of(row) ?? NaN) })), isRelative ? options : { ...options, baseline: null });
      chart.yAxis = isRelative ? PERCENT : (axis ?? { label: "", kind: "number" });
      chart.xAxis = AXES[settings.x];
      if (isOther) chart.view = { from, to, follows };
      // A mean is smooth by itself, and what the band shows is not to be smoothed.
      chart.smoothing = settings.isGrouped ? 0 : smoothing;
      chart.options = this.#isLoss(chart)
        ? { isLogX: settings.isLogX, isLogY: settings.isLogY && !isRelative, clipsOutliers: settings.clipsOutliers }
        : { ...chart.options, isLogX: settings.isLogX };
    }
    this.#stand();
  }

  /** @param {number} smoothing */
  #renderControls(smoothing) {
    const { settings, fields } = this;
    this.#controls.show(settings, smoothing, !settings.isGrouped);
    const known = settings.colourBy === null || fields.includes(settings.colourBy) ? fields : [settings.colourBy, ...fields];
    setChoices(this.#colour, [{ value: "", label: "A colour for each job" }, ...known.map((value) => ({ value, label: `Coloured by ${value}` }))], settings.colourBy ?? "");
    this.#colour.hidden = known.length === 0;
    this.#mean.hidden = settings.colourBy === null;
    this.#relative.hidden = settings.baseline === null;
    this.#mean.setAttribute("aria-pressed", String(settings.isGrouped));
    this.#relative.setAttribute("aria-pressed", String(settings.isRelative));
  }

  /** The cursor to the step at which samples are read. */
  #stand() {
    const { step } = this.settings;
    const x = step === null ? NaN : (this.#reference?.ofStep(step) ?? NaN);
    for (const chart of this.#charts) chart.cursor = Number.isFinite(x) ? x : null;
  }

  /** Where steps are on x: of jobs that differ in what a step is, those of the baseline or of the first one. */
  get #reference() {
    const { baseline, ids, x } = this.settings;
    const history = this.histories?.of(baseline ?? ids[0] ?? "");
    return history === undefined ? null : xValues(x, history.losses, history.metrics);
  }

  /** @param {LineChart} chart */
  #isLoss(chart) {
    return this.#charts.indexOf(chart) < LOSSES;
  }

  /**
   * @param {string} label
   * @param {string} title
   * @param {() => Partial<CompareSettings>} change
   */
  #toggle(label, title, change) {
    return h("button", { type: "button", class: "button", title, on: { click: () => this.emit("settings", change()) } }, label);
  }
}
customElements.define("compared-curves", ComparedCurves);
