import { setChoices } from "../../components/choices.js";
import { emptyState, errorState, loadingState } from "../../components/states.js";
import { fill, h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { RequestFailed, isAborted } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { events, jobs } from "../../page/services.js";
import { View } from "../../page/view.js";
import { nameOf } from "../../records/job_actions.js";
import { JobHistory } from "../../records/job_history.js";
import { onShownChange } from "../../records/shown_jobs.js";
import { chooseJob } from "./choice.js";
import { DecodingSection } from "./decoding_section.js";
import { LoopSection } from "./loop_section.js";
import { OverfittingSection } from "./overfitting_section.js";
import { ParametersSection } from "./parameters_section.js";
import { ScoreSection } from "./score_section.js";
import { decodingSettings, queryOfDecoding } from "./settings.js";
import { WindowsSection } from "./windows_section.js";

/** @import { EstimateRecord, JobRecord } from "../../types/records.d.ts" */

await Promise.all(["learn.css", "../../components/toolbar.css", "../../components/data_table.css"].map((name) => stylesheet(import.meta.url, name)));

const CONTENTS = [
  ["windows", "Exercises"],
  ["parameters", "Parameters"],
  ["loss", "Loss"],
  ["loop", "Loop"],
  ["overfitting", "Over-fitting"],
  ["decoding", "Decoding"],
];
/** Browsers complain about links that change many times a second. */
const LINK_SETTLES_MS = 250;

/** The lecture, told on a job of the reader's own: its text, its numbers, its losses, as they are now. */
export default class LearnView extends View {
  #choice = h("select", { class: "select", "aria-label": "Job" });
  #intro = h("p", { class: "muted learn-intro" }, "What happens while a GPT is trained, told on a job of yours. Every number is its own, and changes as it learns.");
  #windows = make(WindowsSection);
  #parameters = make(ParametersSection);
  #score = make(ScoreSection);
  #loop = make(LoopSection);
  #overfitting = make(OverfittingSection);
  #decoding = make(DecodingSection);
  #failed = h("div", {});
  #body = h(
    "div",
    { class: "learn" },
    h("nav", { class: "learn-contents", "aria-label": "Parts" }, ...CONTENTS.map(([id = "", label = ""], index) => h("button", { type: "button", class: "chip", on: { click: () => this.#goTo(id) } }, `${index + 1} ${label}`))),
    this.#failed,
    this.#windows,
    this.#parameters,
    this.#score,
    this.#loop,
    this.#overfitting,
    this.#decoding,
  );
  #instead = h("div", {}, loadingState("Loading the jobs"));

  #id = "";
  /** @type {JobHistory | null} */
  #history = null;
  /** @type {EstimateRecord | null} */
  #estimate = null;
  /** @type {AbortController | null} Ends what is followed of the job that is shown. */
  #following = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #linking;

  build() {
    this.className = "view learn-view";
    this.append(h("div", { class: "view-head" }, h("h1", {}, "Learn"), h("label", { class: "row" }, h("span", { class: "muted" }, "Told on"), this.#choice)), this.#intro, this.#instead, this.#body);
    this.#body.hidden = true;
    this.#choice.addEventListener("change", () => this.setQuery({ job: this.#choice.value }, { replace: false }));
    this.#decoding.addEventListener("settings", (event) => {
      this.#decoding.settings = { ...this.#decoding.settings, .../** @type {CustomEvent} */ (event).detail };
      this.#decoding.changed();
      clearTimeout(this.#linking);
      this.#linking = setTimeout(() => this.setQuery(queryOfDecoding(this.#decoding.settings)), LINK_SETTLES_MS);
    });
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    onShownChange(jobs, () => [chooseJob(jobs.all, this.query.get("job")), jobs.all.map(({ id, name, archived }) => [id, name, archived])], () => this.changed(), signal);
    signal.addEventListener("abort", () => {
      this.#following?.abort();
      clearTimeout(this.#linking);
      this.#id = "";
    });
    this.#decoding.settings = decodingSettings(this.query);
  }

  render() {
    const job = chooseJob(jobs.all, this.query.get("job"));
    this.#showChoices(job);
    if (job === null) {
      this.#body.hidden = true;
      this.#instead.hidden = false;
      if (jobs.state === "failed") fill(this.#instead, errorState(jobs.error, () => jobs.load()));
      else if (jobs.state === "loaded") fill(this.#instead, nothingYet());
      return;
    }
    if (job.id !== this.#id) this.#follow(job);
    this.#instead.hidden = true;
    this.#body.hidden = false;
    const losses = this.#history?.losses ?? [];
    const hasCheckpoint = job.disk_bytes > 0 || (this.#history?.checkpoints.length ?? 0) > 0;
    for (const part of [this.#windows, this.#parameters, this.#score, this.#loop]) part.estimate = this.#estimate;
    for (const part of [this.#score, this.#loop, this.#overfitting]) part.losses = losses;
    this.#score.hasCheckpoint = this.#decoding.hasCheckpoint = hasCheckpoint;
    this.#overfitting.samples = this.#history?.samples ?? [];
    for (const part of [this.#windows, this.#parameters, this.#score, this.#loop, this.#overfitting, this.#decoding]) {
      part.job = job;
      part.changed();
    }
  }

  /** @param {JobRecord | null} chosen */
  #showChoices(chosen) {
    const choices = jobs.all.filter(({ archived, id }) => !archived || id === chosen?.id).map((job) => ({ value: job.id, label: nameOf(job) }));
    setChoices(this.#choice, choices, chosen?.id ?? "");
    /** @type {HTMLElement} */ (this.#choice.parentElement).hidden = choices.length === 0;
  }

  /** @param {JobRecord} job */
  async #follow(job) {
    this.#following?.abort();
    this.#following = new AbortController();
    const signal = AbortSignal.any([this.signal, this.#following.signal]);
    this.#id = job.id;
    this.#estimate = null;
    fill(this.#failed);
    const history = (this.#history = new JobHistory(job.id, events, ["losses", "samples", "checkpoints"]));
    history.addEventListener("change", () => this.changed(), { signal });
    history.open(signal);
    try {
      this.#estimate = await post("jobs/estimate", { json: job.spec, signal });
      this.changed();
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      fill(this.#failed, errorState(error, () => this.#follow(job)));
    }
  }

  /** @param {string} id */
  #goTo(id) {
    const title = /** @type {HTMLElement | null} */ (this.querySelector(`#learn-${id}-title`));
    title?.scrollIntoView({ block: "start" });
    title?.focus({ preventScroll: true });
  }
}
customElements.define("learn-view", LearnView);

function nothingYet() {
  return emptyState(
    "It needs a job of yours",
    h("p", { class: "muted" }, "Start one: the tiny preset takes a minute, and has everything that is told here."),
    h("a", { class: "button primary", href: isPlace("/new") ? hrefOf("/new", { preset: "tiny" }) : hrefOf("/") }, "Start a job"),
  );
}
