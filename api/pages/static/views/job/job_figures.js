import { icon } from "../../components/icon.js";
import { progressBar } from "../../components/progress_bar.js";
import { timeSince } from "../../components/time_since.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { NOTHING, bytes, compact, counted, decimal, integer, percent } from "../../format/numbers.js";
import { duration, fullTime } from "../../format/times.js";
import { hrefOf } from "../../page/location.js";
import { session } from "../../page/services.js";
import { errorAdvice, errorTitle } from "./advice.js";

/** @import { Child } from "../../dom/h.js" */
/** @import { EventRecord, JobRecord } from "../../types/records.d.ts" */

/** @type {Record<string, string>} */
const ENDINGS = {
  epochs: "all epochs are done",
  max_steps: "all steps are done",
  max_tokens: "all tokens are seen",
  max_time: "its time is up",
  early_stopping: "stopped early: the validation loss no longer fell",
  finish: "a person had it finish",
};
/** @type {Record<string, "busy" | "good" | "bad" | "quiet">} */
const TONES = { running: "busy", succeeded: "good", failed: "bad" };

/** How far a job is, what it has reached, and what is wrong or waited for. */
export class JobFigures extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {readonly EventRecord[]} */
  alerts = [];

  #notices = h("div", { class: "stack" });
  #bar = h("div");
  #words = h("p", { class: "number job-standing" });
  #tiles = h("dl", { class: "job-tiles" });
  #shown = "";
  #tilesText = "";

  build() {
    this.className = "stack";
    this.append(this.#notices, h("div", { class: "panel panel-body stack" }, this.#words, this.#bar, this.#tiles));
  }

  render() {
    const { job } = this;
    if (job === null) return;
    this.#renderNotices(job);
    fill(this.#words, standing(job));
    const fraction = job.status === "succeeded" ? 1 : job.progress.fraction;
    const state = JSON.stringify([job.status, fraction]);
    if (state !== this.#shown) {
      this.#shown = state;
      fill(this.#bar, progressBar(fraction, { label: "Progress", tone: TONES[job.status] ?? "quiet" }));
    }
    // Only where it is another: what is marked stays marked, and what is read aloud is not read again.
    const tiles = tilesOf(job);
    const text = [job.started_at, ...tiles.map(({ textContent }) => textContent)].join("\n");
    if (text === this.#tilesText) return;
    this.#tilesText = text;
    fill(this.#tiles, ...tiles);
  }

  /** @param {JobRecord} job */
  #renderNotices(job) {
    const state = JSON.stringify([job.waiting_for, job.queue_position, job.status, job.error, this.alerts.map(({ id }) => id)]);
    if (this.#notices.dataset.state === state) return;
    this.#notices.dataset.state = state;
    fill(this.#notices, waitingNotice(job), errorNotice(job), ...this.alerts.map(alertNotice));
  }
}
customElements.define("job-figures", JobFigures);

/** @param {JobRecord} job */
function waitingNotice({ status, waiting_for: reason, queue_position: position }) {
  if (status !== "queued") return null;
  const place = position === null ? "It waits" : `It is number ${position} in its queue`;
  return h("div", { class: "notice" }, icon("clock"), h("p", {}, `${place}: ${reason ?? "a worker is about to take it"}.`));
}

/** @param {JobRecord} job */
function errorNotice({ id, error, status }) {
  if (error === null) return null;
  const isFinal = status === "failed";
  return h(
    "div",
    { class: isFinal ? "notice bad" : "notice warn", role: isFinal ? "alert" : null },
    icon("warning"),
    h("div", {}, h("p", { class: "notice-title" }, `${errorTitle(error)} (attempt ${error.attempt})`), h("p", { class: "notice-message" }, error.message), h("p", {}, errorAdvice(error), isFinal && session.may("write") && [" ", h("a", { href: hrefOf("/new", { from: id }) }, "New job like this one")])),
  );
}

/** @param {EventRecord} alert */
function alertNotice({ data, created_at: at }) {
  const done = { notify: "", pause: " The job was asked to pause.", finish: " The job was asked to finish." }[/** @type {string} */ (data.do)] ?? "";
  return h(
    "div",
    { class: "notice warn" },
    icon("warning"),
    h("p", {}, `Alert at step ${integer(data.step)}: `, h("code", {}, data.when), `, it was ${decimal(data.value)}.${done} `, timeSince(at, { class: "muted small" })),
  );
}

/** @param {JobRecord} job */
function standing(job) {
  const { progress, status, ended_by: endedBy } = job;
  const { step, total_steps: total, epoch, remaining_s: left } = progress;
  const epochs = job.spec.training?.num_epochs;
  if (job.started_at === null) return [status === "queued" ? "It has not begun" : "It did not begin", total !== null && counted(total, "step")].filter(Boolean).join(" · ");
  const parts = [total === null ? counted(step, "step") : `Step ${integer(step)} of ${integer(total)}`];
  if (epoch > 0) parts.push(`epoch ${epoch} of ${epochs}`);
  if (status === "running") parts.push(left === null ? percent(progress.fraction) : `${percent(progress.fraction)}, ${duration(left)} left`);
  if (status === "succeeded" && endedBy !== null) parts.push(ENDINGS[endedBy] ?? endedBy);
  if (status === "paused" || status === "cancelled" || status === "failed") parts.push(`at ${percent(progress.fraction)}`);
  if (job.attempt > 1) parts.push(counted(job.attempt, "attempt"));
  if (job.failures > 0) parts.push(`${counted(job.failures, "crash", "crashes")} since its last checkpoint`);
  return parts.join(" · ");
}

/** @param {JobRecord} job */
function tilesOf(job) {
  const { latest, best, progress, device, numerics } = job;
  return [
    tile("Training loss", decimal(latest?.train_loss), latest && `step ${integer(latest.step)}`, "is-train"),
    tile("Validation loss", decimal(latest?.val_loss), latest && `step ${integer(latest.step)}`, "is-validation"),
    tile("Lowest validation loss", decimal(best?.val_loss), best && `step ${integer(best.step)}`),
    tile("Tokens seen", compact(progress.tokens_seen), progress.tokens_per_s !== null && `${compact(progress.tokens_per_s)} a second`),
    tile("Parameters", compact(job.parameters), job.disk_bytes > 0 && `${bytes(job.disk_bytes)} on disk`),
    tile("Device", device ?? NOTHING, [numerics, job.threads && counted(job.threads, "thread")].filter(Boolean).join(", ")),
    timeTile(job),
    job.parent !== null && parentTile(job.parent),
  ].filter((made) => made !== false);
}

/** @param {JobRecord} job */
function timeTile({ created_at: created, started_at: started, finished_at: finished }) {
  const submitted = h("time", { datetime: created }, fullTime(created));
  if (started === null) return tile("Submitted", timeSince(created), submitted);
  if (finished === null) return tile("Begun", timeSince(started), submitted);
  return tile("Took", duration((Date.parse(finished) - Date.parse(started)) / 1000), submitted);
}

/**
 * @param {string} label
 * @param {Child} value
 * @param {Child} [detail]
 * @param {string} [of]
 */
function tile(label, value, detail, of) {
  return h("div", { class: of }, h("dt", {}, label), h("dd", { class: "job-value number" }, value), detail && h("dd", { class: "muted small number" }, detail));
}

/** @param {NonNullable<JobRecord["parent"]>} parent */
function parentTile(parent) {
  if ("model" in parent) return tile("Started from", "a model from outside", parent.model);
  return tile("Started from", h("a", { href: hrefOf(`/jobs/${parent.job}`) }, "another job"), `its checkpoint ${integer(parent.checkpoint)}`);
}
