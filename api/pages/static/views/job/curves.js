import { AXES } from "../../charts/axes.js";
import { nearest } from "../../charts/bisect.js";
import { LineChart } from "../../charts/line_chart.js";
import { linkCharts } from "../../charts/linked_charts.js";
import { markSign } from "../../charts/mark_layer.js";
import { overfitting, overfittingInWords } from "../../charts/overfitting.js";
import { isWhole } from "../../charts/view_window.js";
import { icon } from "../../components/icon.js";
import { errorState } from "../../components/states.js";
import { toolbar } from "../../components/toolbar.js";
import { CurveControls } from "../../curves/curve_controls.js";
import { settingsOf, smoothingFor } from "../../curves/curve_settings.js";
import { PROCESSOR, deviceCharts, rateSeries, seriesOf } from "../../curves/curve_series.js";
import { xValues } from "../../curves/x_values.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { rate } from "../../format/numbers.js";
import { marksOf } from "./marks.js";

/** @import { CurveSettings } from "../../curves/curve_settings.js" */
/** @import { JobHistory } from "../../records/job_history.js" */
/** @import { EventRecord } from "../../types/records.d.ts" */

/**
 * A job's curves, all over one x and with one cursor.
 *
 * Events: `point` (a step that a mouse points at, or null), `pin` (one that was chosen, or null), `settings` (a part of
 * `CurveSettings`).
 */
export class JobCurves extends Component {
  /** @type {JobHistory | null} */
  history = null;
  settings = settingsOf(new URLSearchParams());
  /** @type {number | null} At which the cursor stands. */
  step = null;
  /** @type {readonly EventRecord[]} */
  alerts = [];
  /** Whether nothing more will come. */
  isOver = false;

  #controls = new CurveControls((changes) => this.emit("settings", changes));
  #loss = make(LineChart, { heading: "Loss", emptyText: "The first evaluation is drawn here." }, { class: "curves-loss" });
  #rate = make(LineChart, { heading: "Learning rate" });
  #norm = make(LineChart, { heading: "Gradient norm" });
  #speed = make(LineChart, { heading: "Tokens a second" });
  #device = make(LineChart, { heading: PROCESSOR });
  #memory = make(LineChart, { heading: "Memory" });
  #failure = h("div", { class: "curves-failure" });
  #overfitting = h("p", { class: "curves-overfitting" });
  #small = h("div", { class: "curves-small" }, this.#rate, this.#norm, this.#speed, this.#device, this.#memory);
  /** No frame around nothing, until something is measured. */
  #rest = h("div", { class: "panel panel-body curves-rest", hidden: true }, this.#small);
  #values = xValues("step", [], []);
  #shownWindow = "";
  /** @type {"mouse" | "chosen"} How the cursor was moved last. */
  #moved = "chosen";

  build() {
    this.#rate.yAxis = { label: "", kind: "number", format: rate };
    this.#speed.yAxis = { label: "", kind: "number", isFromZero: true };
    this.#device.yAxis = { label: "", kind: "number", format: (value) => `${value.toFixed(value < 10 ? 1 : 0)} %`, isFromZero: true };
    this.#memory.yAxis = { label: "", kind: "bytes", isFromZero: true };
    const help = h(
      "p",
      { class: "muted small curves-help" },
      h("span", { class: "curves-sign" }, markSign("checkpoint"), "checkpoint"),
      h("span", { class: "curves-sign" }, markSign("sample"), "sample"),
      h("span", { class: "curves-hint" }, "Drag to zoom · click to stay at a step · arrow keys go from evaluation to evaluation"),
    );
    this.append(
      h(
        "div",
        { class: "panel panel-body stack curves-losses" },
        toolbar("Curves", ...this.#controls.elements),
        this.#failure,
        this.#loss,
        help,
        this.#overfitting,
      ),
      this.#rest,
    );
    this.addEventListener("pointermove", (event) => (this.#moved = event.pointerType === "mouse" ? "mouse" : "chosen"), { capture: true });
    this.addEventListener("pointerdown", (event) => (this.#moved = event.pointerType === "mouse" ? "mouse" : "chosen"), { capture: true });
    this.addEventListener("keydown", () => (this.#moved = "chosen"), { capture: true });
    this.addEventListener("pointerleave", () => this.emit("point", null));
    this.addEventListener("cursor", (event) => this.#onCursor(/** @type {CustomEvent} */ (event)));
    this.addEventListener("pick", (event) => this.emit("pin", this.#stepAt(/** @type {CustomEvent} */ (event).detail.x)));
    this.addEventListener("zoom", (event) => this.#onZoom(/** @type {CustomEvent} */ (event)));
    this.addEventListener("option", (event) => this.#onOption(/** @type {CustomEvent} */ (event)));
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    linkCharts(this.#charts, signal);
  }

  /** @param {JobHistory} history */
  #renderFailure(history) {
    const isFailed = history.state === "failed";
    this.#loss.hidden = isFailed;
    if (isFailed === this.#failure.hasChildNodes()) return;
    fill(this.#failure, isFailed && errorState(history.error, () => history.load()));
  }

  get #charts() {
    return [this.#loss, this.#rate, this.#norm, this.#speed, this.#device, this.#memory];
  }

  render() {
    const { settings, history } = this;
    if (history === null) return;
    const { losses, metrics, samples, checkpoints } = history;
    this.#loss.emptyText = { loading: "Loading …", loaded: this.isOver ? "It ended before its first evaluation." : "The first evaluation is drawn here.", failed: "" }[history.state];
    this.#renderFailure(history);
    this.#values = xValues(settings.x, losses, metrics);
    const { ofLosses, ofMetrics, ofStep } = this.#values;
    const smoothing = smoothingFor(settings.smoothing, losses.length);
    this.#controls.show(settings, smoothing);

    const overfits = overfitting(losses);
    this.#loss.series = [
      seriesOf("train", "Training", 1, ofLosses, losses.map((row) => row.train_loss)),
      { ...seriesOf("validation", "Validation", 2, ofLosses, losses.map((row) => row.val_loss)), isDashed: true },
    ];
    this.#loss.smoothing = smoothing;
    this.#loss.topAxis = topAxis(settings, losses, ofLosses);
    this.#loss.marks = marksOf({ samples, checkpoints, alerts: this.alerts, overfits }, ofStep);
    this.#loss.options = { isLogX: settings.isLogX, isLogY: settings.isLogY, clipsOutliers: settings.clipsOutliers };
    fill(this.#overfitting, overfits !== null && [icon("warning"), h("span", {}, overfittingInWords(overfits))]);
    this.#overfitting.hidden = overfits === null;

    this.#rate.series = rateSeries(losses, ofLosses);
    this.#norm.series = [seriesOf("norm", "Gradient norm", 3, ofLosses, losses.map((row) => row.grad_norm))];
    this.#speed.series = [seriesOf("speed", "Tokens a second", 5, ofLosses, losses.map((row) => row.tokens_per_s))];
    const device = deviceCharts(metrics, ofMetrics);
    this.#device.heading = device.heading;
    this.#device.series = device.use;
    this.#memory.series = device.memory;
    // Only a window that is another: a chart tells of a new one when a hand or a wheel rests, and may be drawn before.
    const { from, to, follows } = settings;
    const window = JSON.stringify([from, to, follows]);
    const isOther = window !== this.#shownWindow;
    this.#shownWindow = window;
    for (const chart of this.#charts) {
      chart.xAxis = AXES[settings.x];
      if (isOther) chart.view = { from, to, follows };
      chart.cursor = this.#cursor;
      if (chart === this.#loss) continue;
      chart.smoothing = smoothing;
      chart.options = { ...chart.options, isLogX: settings.isLogX };
      chart.hidden = chart.series.every(({ y }) => !y.some(Number.isFinite));
    }
    this.#rest.hidden = [...this.#small.children].every((chart) => /** @type {HTMLElement} */ (chart).hidden);
  }

  /** Put the cursor to `step` at once. */
  moveCursor() {
    for (const chart of this.#charts) chart.cursor = this.#cursor;
  }

  get #cursor() {
    if (this.step === null) return null;
    const x = this.#values.ofStep(this.step);
    return Number.isFinite(x) ? x : null;
  }

  /**
   * @param {number} x
   * @returns {number | null} the step of the nearest evaluation
   */
  #stepAt(x) {
    return this.history?.losses[nearest(this.#values.ofLosses, x)]?.step ?? null;
  }

  /** @param {CustomEvent} event */
  #onCursor({ detail: { x } }) {
    const step = x === null ? null : this.#stepAt(x);
    this.emit(this.#moved === "mouse" && x !== null ? "point" : "pin", step);
  }

  /** @param {CustomEvent} event */
  #onZoom({ target }) {
    const { view } = /** @type {LineChart} */ (target);
    this.emit("settings", isWhole(view) ? { from: null, to: null, follows: false } : { ...view });
  }

  /** @param {CustomEvent} event */
  #onOption({ target, detail }) {
    /** @type {Partial<CurveSettings>} */
    const shared = { isLogX: detail.isLogX };
    this.emit("settings", target === this.#loss ? { ...shared, isLogY: detail.isLogY, clipsOutliers: detail.clipsOutliers } : shared);
  }

  /**
   * Steps of the window that is shown, of which finer rows are wanted.
   * @returns {readonly [number, number] | null}
   */
  get window() {
    const { from, to } = this.settings;
    if (from === null || to === null) return null;
    const steps = /** @type {const} */ ([this.#values.toStep(from), this.#values.toStep(to)]);
    return steps.every(Number.isFinite) ? steps : null;
  }
}
customElements.define("job-curves", JobCurves);

/**
 * Tokens above steps, as in the lecture's plot; steps above everything else.
 * @param {CurveSettings} settings
 * @param {import("../../records/job_history.js").JobHistory["losses"]} losses
 * @param {number[]} x
 */
function topAxis(settings, losses, x) {
  const name = settings.x === "step" || settings.x === "epoch" ? "tokens" : "step";
  const at = losses.map((row) => (name === "tokens" ? row.tokens_seen : row.step));
  return { ...AXES[name], x, at };
}
