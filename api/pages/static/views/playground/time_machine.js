import { nearest } from "../../charts/bisect.js";
import { LineChart } from "../../charts/line_chart.js";
import { emptyState, errorState, loadingState } from "../../components/states.js";
import { TokenText, tokenLegend } from "../../components/token_text.js";
import { Component } from "../../dom/component.js";
import { keyed } from "../../dom/keyed.js";
import { fill, h, make } from "../../dom/h.js";
import { decimal, integer } from "../../format/numbers.js";
import { Problem, RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { get } from "../../http/request.js";
import { Generation } from "./generation.js";

/** @import { CheckpointRecord, GenerateRequest, LossRecord } from "../../types/records.d.ts" */

const POINTS = 500;

/**
 * One prompt and one seed, asked of every checkpoint of a job, one after the other, beside the curve along which they
 * lie. Pointing at an answer moves the cursor of the curve, and the curve's cursor lights the answer.
 */
export class TimeMachine extends Component {
  /** @type {string | null} Of the job. */
  jobId = null;
  /** @type {CheckpointRecord[] | Error | "loading"} The oldest first. */
  checkpoints = "loading";
  prompt = "";

  #chart = make(LineChart, { heading: "Losses, and where the checkpoints lie", emptyText: "" }, { class: "time-chart" });
  #list = h("ol", { role: "list", class: "time-list", "aria-label": "Answers of the checkpoints, the oldest first" });
  #hint = h("p", { class: "small muted" });
  #instead = h("div", {});
  #body = h("div", { class: "stack" }, this.#chart, this.#hint, this.#list, tokenLegend());
  /** @type {Map<string, Generation>} By the checkpoint's id: another job's, or a resumed attempt's, may be of the same step. */
  #answers = new Map();
  /** @type {AbortController | null} Ends what is asked when another job's checkpoints are shown. */
  #running = null;
  /** @type {string | null} */
  #shownJob = null;
  /** @type {LossRecord[]} */
  #losses = [];
  /** @type {number | null} The checkpoint that is pointed at. */
  #step = null;

  build() {
    this.className = "panel panel-body";
    this.append(this.#instead, this.#body);
    this.#chart.addEventListener("cursor", () => {
      const steps = this.#all.map(({ step }) => step - 1);
      const { cursor } = this.#chart;
      this.#point(cursor === null ? null : (this.#all[nearest(steps, cursor)]?.step ?? null));
    });
  }

  get #all() {
    return Array.isArray(this.checkpoints) ? this.checkpoints : [];
  }

  /**
   * Ask one checkpoint after the other.
   * @param {(step: number) => Partial<GenerateRequest>} requestOf
   * @param {AbortSignal} signal
   * @returns {Promise<Error | null>} why it ended early, if it did not succeed
   */
  async run(requestOf, signal) {
    this.#running = new AbortController();
    const either = AbortSignal.any([signal, this.#running.signal]);
    this.#answers.clear();
    const all = [...this.#all];
    for (const { id } of all) this.#answers.set(id, new Generation());
    this.changed();
    for (const { id, step } of all) {
      const answer = this.#answers.get(id);
      if (answer === undefined || either.aborted) return null;
      answer.addEventListener("change", () => this.changed());
      await answer.run(requestOf(step), either);
      if (answer.error !== null && !isGone(answer.error)) return answer.error;
    }
    return null;
  }

  render() {
    if (this.jobId !== this.#shownJob) this.#show(this.jobId);
    const all = this.#all;
    this.#body.hidden = all.length === 0;
    this.#instead.hidden = all.length > 0;
    if (this.jobId === null) fill(this.#instead, emptyState("Choose a job", h("p", { class: "muted" }, "A model from outside has no checkpoints to go through.")));
    else if (this.checkpoints === "loading") fill(this.#instead, loadingState("Loading its checkpoints"));
    else if (this.checkpoints instanceof Error) fill(this.#instead, errorState(this.checkpoints));
    else if (all.length === 0) fill(this.#instead, emptyState("No checkpoint yet", h("p", { class: "muted" }, "One is written at the end of every epoch.")));
    if (all.length === 0) return;
    const few = all.length < 3 ? " This job keeps few: a spec with a higher checkpoints.keep_last lets one go further back." : "";
    fill(this.#hint, `The same prompt and seed for ${all.length === 1 ? "its only checkpoint" : `its ${integer(all.length)} checkpoints`}, one after the other.${few}`);
    this.#renderChart();
    keyed(this.#list, all, ({ id }) => id, (checkpoint) => this.#makeRow(checkpoint), (element, checkpoint) => this.#updateRow(element, checkpoint));
  }

  #renderChart() {
    const rows = this.#losses;
    this.#chart.hidden = rows.length === 0;
    this.#chart.series = [
      { id: "train", label: "Training", colour: 1, x: rows.map(({ step }) => step), y: rows.map((row) => row.train_loss ?? NaN) },
      { id: "validation", label: "Validation", colour: 2, isDashed: true, x: rows.map(({ step }) => step), y: rows.map((row) => row.val_loss ?? NaN) },
    ];
    this.#chart.marks = this.#all.map(({ step }) => ({ x: step - 1, kind: "checkpoint", label: `Checkpoint ${integer(step)}` }));
  }

  /** @param {CheckpointRecord} checkpoint */
  #makeRow({ step, val_loss: loss, epoch }) {
    const text = make(TokenText, { label: `Answer of the checkpoint at step ${step}` });
    const row = h(
      "li",
      { class: "time-row" },
      h(
        "div",
        { class: "time-where" },
        h("strong", { class: "number" }, `Step ${integer(step)}`),
        h("span", { class: "muted small number" }, `epoch ${epoch} · loss ${decimal(loss)}`),
        h("span", { class: "tag", hidden: true }, h("span", {}, "best")),
      ),
      h("div", { class: "time-answer" }, text, h("p", { class: "small muted time-state" })),
    );
    row.addEventListener("pointerenter", () => this.#point(step, true));
    row.addEventListener("focusin", () => this.#point(step, true));
    return row;
  }

  /**
   * @param {Element} row
   * @param {CheckpointRecord} checkpoint
   */
  #updateRow(row, { id, step, kind }) {
    const answer = this.#answers.get(id);
    /** @type {HTMLElement} */ (row.querySelector(".tag")).hidden = !kind.includes("best");
    const text = /** @type {TokenText} */ (row.querySelector("token-text"));
    text.tokens = answer?.tokens ?? [];
    text.hidden = text.tokens.length === 0;
    text.changed();
    const state = /** @type {Element} */ (row.querySelector(".time-state"));
    fill(state, stateOf(answer));
    row.toggleAttribute("data-pointed", step === this.#step);
    row.setAttribute("aria-busy", String(answer?.isRunning ?? false));
  }

  /**
   * @param {number | null} step
   * @param {boolean} [movesCursor]
   */
  #point(step, movesCursor = false) {
    if (movesCursor && step !== null) this.#chart.cursor = step - 1;
    if (step === this.#step) return;
    this.#step = step;
    this.changed();
  }

  /** @param {string | null} id */
  #show(id) {
    this.#running?.abort();
    this.#shownJob = id;
    this.#step = null;
    this.#losses = [];
    this.#answers.clear();
    if (id !== null) this.#loadLosses(id);
  }

  /** @param {string} id */
  async #loadLosses(id) {
    try {
      const { data } = await get(`jobs/${encodeURIComponent(id)}/losses`, { query: { max_points: POINTS }, signal: this.signal });
      if (this.#shownJob === id) this.#losses = data;
      this.changed();
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error; // the list does without the curve
    }
  }
}
customElements.define("time-machine", TimeMachine);

/** @param {Error} error  whether the checkpoint has been deleted meanwhile */
function isGone(error) {
  return error instanceof Problem && error.status === 404;
}

/** @param {Generation | undefined} answer */
function stateOf(answer) {
  if (answer === undefined) return "Not asked yet";
  if (answer.state === "idle") return "Waits for those before it";
  if (answer.state === "waiting") return "Asking …";
  if (answer.state === "stopped") return "Stopped";
  if (answer.error !== null) return inWords(answer.error);
  return answer.state === "done" && answer.tokens.length === 0 ? "It ended at once." : "";
}
