import { TabPanels } from "../../components/tabs.js";
import { emptyState, errorState, loadingState } from "../../components/states.js";
import { queryOf, settingsOf } from "../../curves/curve_settings.js";
import { fill, h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { Problem, RequestFailed, isAborted } from "../../http/problem.js";
import { get } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { events, jobs } from "../../page/services.js";
import { View } from "../../page/view.js";
import { nameOf } from "../../records/job_actions.js";
import { CopiedSpans } from "../../records/copied_spans.js";
import { JobHistory } from "../../records/job_history.js";
import { CheckpointsPanel } from "./checkpoints_panel.js";
import { JobCurves } from "./curves.js";
import { EventsPanel } from "./events_panel.js";
import { forkDialog } from "./fork_dialog.js";
import { JobEvents } from "./job_events.js";
import { JobFigures } from "./job_figures.js";
import { JobHead } from "./job_head.js";
import { LogPanel } from "./log_panel.js";
import { MomentPanel } from "./moment_panel.js";
import { NotesPanel } from "./notes_panel.js";
import { SpecPanel } from "./spec_panel.js";

/** @import { CurveSettings } from "../../curves/curve_settings.js" */

await stylesheet(import.meta.url, "job.css");

/** Browsers complain about links that change many times a second. */
const LINK_SETTLES_MS = 250;
/** Above the curves; all of them are among the events, and marked on the curves. */
const MOST_ALERTS = 3;

/**
 * One job: its curves, and at the cursor what else there is of that step. What is looked at is in the link: axis, zoom,
 * cursor, prompt, tab.
 */
export default class JobView extends View {
  #head = make(JobHead);
  #figures = make(JobFigures);
  #curves = make(JobCurves);
  #moment = make(MomentPanel);
  #checkpoints = make(CheckpointsPanel);
  #events = make(EventsPanel);
  #log = make(LogPanel, { stream: events });
  #spec = make(SpecPanel);
  #notes = make(NotesPanel);
  #tabs = make(TabPanels, {
    label: "More of the job",
    tabs: [
      { id: "checkpoints", label: "Checkpoints", panel: this.#checkpoints },
      { id: "events", label: "Events", panel: this.#events },
      { id: "log", label: "Log", panel: this.#log },
      { id: "spec", label: "Spec", panel: this.#spec },
      { id: "notes", label: "Notes", panel: this.#notes },
    ],
  });
  #learning = h("div", { class: "job-learning" }, this.#curves, this.#moment);
  #body = h(
    "div",
    { class: "stack job-body" },
    this.#head,
    this.#figures,
    this.#learning,
    h("section", { class: "panel", "aria-label": "More of the job" }, this.#tabs),
  );
  #instead = h("div", {}, loadingState("Loading the job"));

  #id = "";
  /** @type {JobHistory | null} */
  #history = null;
  /** @type {JobEvents | null} */
  #happened = null;
  /** @type {AbortController | null} Ends what is followed of the job that is shown. */
  #following = null;
  /** @type {number | null} At which a mouse points. */
  #pointed = null;
  /** @type {number | null} That was chosen. */
  #pinned = null;
  /** @type {readonly [number, number] | null} Of which finer rows are there. */
  #window = null;
  #drawn = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #linking;
  /** @type {Partial<CurveSettings>} Not yet in the link. */
  #pending = {};

  build() {
    this.className = "view";
    this.append(this.#instead, this.#body);
    this.#body.hidden = true;
    this.#head.addEventListener("fork", () => this.#fork("last"));
    this.#checkpoints.addEventListener("fork", (event) => this.#fork(/** @type {CustomEvent} */ (event).detail));
    this.#checkpoints.addEventListener("pin", (event) => {
      this.#pin(/** @type {CustomEvent} */ (event).detail);
      this.#learning.scrollIntoView({ block: "start" });
    });
    this.#curves.addEventListener("point", (event) => this.#point(/** @type {CustomEvent} */ (event).detail));
    for (const element of [this.#curves, this.#moment]) {
      element.addEventListener("pin", (event) => this.#pin(/** @type {CustomEvent} */ (event).detail));
    }
    this.#moment.addEventListener("prompt", (event) => this.setQuery({ prompt: /** @type {CustomEvent} */ (event).detail || null }));
    this.#curves.addEventListener("settings", (event) => this.#set(/** @type {CustomEvent} */ (event).detail));
    this.#tabs.addEventListener("choose", (event) => this.setQuery({ tab: /** @type {CustomEvent} */ (event).detail }));
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    jobs.addEventListener("change", (event) => /** @type {CustomEvent<Set<string>>} */ (event).detail.has(this.#id) && this.changed(), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#linking);
      this.#following?.abort();
      this.#id = "";
    });
  }

  render() {
    const { id = "" } = this.params;
    if (id !== this.#id) this.#follow(id);
    this.#settle();
    const job = jobs.job(id);
    if (job === undefined) {
      if (!this.#body.hidden) this.#showInstead(gone());
      return;
    }
    this.pageTitle = nameOf(job);
    if (this.#body.hidden) {
      this.#instead.hidden = true;
      this.#body.hidden = false;
    }
    const tab = this.#tabs.tabs.some((each) => each.id === this.query.get("tab")) ? (this.query.get("tab") ?? "") : "checkpoints";
    const alerts = this.#happened?.alerts ?? [];
    for (const element of [this.#head, this.#figures, this.#checkpoints, this.#log, this.#spec, this.#notes]) element.job = job;
    this.#figures.alerts = alerts.slice(-MOST_ALERTS);
    this.#curves.alerts = alerts;
    this.#curves.isOver = this.#moment.isOver = job.finished_at !== null;
    this.#checkpoints.checkpoints = this.#history?.checkpoints ?? [];
    this.#log.isShown = tab === "log";
    this.#spec.isShown = tab === "spec";
    this.#moment.datasetId = job.spec.dataset;
    this.#moment.prompt = Number(this.query.get("prompt") ?? 0);
    this.#tabs.chosen = tab;
    this.#tabs.tabs = this.#tabs.tabs.map((each) => (each.id === "checkpoints" ? { ...each, count: this.#history?.checkpoints.length } : each));
    for (const element of [this.#head, this.#figures, this.#checkpoints, this.#events, this.#log, this.#spec, this.#notes, this.#tabs]) element.changed();
    this.#moment.changed();
    // A job that trains tells twice a second how far it is: that alone draws no curve anew.
    const drawn = JSON.stringify([id, this.#history?.version, this.#curves.settings, alerts.length, this.#curves.isOver]);
    if (drawn !== this.#drawn) this.#curves.changed();
    this.#drawn = drawn;
  }

  /** Have what the link says: settings, cursor, and the rows of the window. */
  #settle() {
    const settings = { ...settingsOf(this.query), ...this.#pending };
    this.#pinned = settings.step;
    this.#curves.settings = settings;
    this.#curves.step = this.#moment.step = this.#pointed ?? this.#pinned;
    this.#askForWindow();
  }

  #askForWindow() {
    const { window } = this.#curves;
    if (JSON.stringify(window) === JSON.stringify(this.#window) || this.#history?.state !== "loaded") return;
    this.#window = window;
    this.#history.zoom(window);
  }

  /** @param {string} id */
  async #follow(id) {
    this.#following?.abort();
    this.#following = new AbortController();
    const signal = AbortSignal.any([this.signal, this.#following.signal]);
    this.#id = id;
    this.#pointed = this.#window = null;
    this.#pending = {};
    const history = new JobHistory(id, events);
    const happened = new JobEvents(id, events);
    const copied = new CopiedSpans(id);
    this.#history = this.#curves.history = this.#moment.history = history;
    this.#happened = this.#events.events = happened;
    this.#moment.copied = copied;
    this.#moment.jobId = id;
    this.#showInstead(loadingState("Loading the job"));
    for (const source of [history, happened, copied]) source.addEventListener("change", () => this.changed(), { signal });
    try {
      if (jobs.job(id) === undefined) jobs.put(await get(`jobs/${encodeURIComponent(id)}`, { signal }));
      history.open(signal);
      happened.open(signal);
      this.changed();
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      const isMissing = error instanceof Problem && error.status === 404;
      this.#showInstead(isMissing ? gone() : errorState(error, () => ((this.#id = ""), this.changed())));
    }
  }

  /** @param {Element} element */
  #showInstead(element) {
    this.#body.hidden = true;
    this.#instead.hidden = false;
    fill(this.#instead, element);
  }

  /** @param {number | null} step */
  #point(step) {
    this.#pointed = step;
    this.#moveCursor();
  }

  /** @param {number | null} step */
  #pin(step) {
    this.#pointed = null;
    this.#set({ step });
    this.#moveCursor();
  }

  /** At once, without drawing the curves anew. */
  #moveCursor() {
    this.#curves.step = this.#moment.step = this.#pointed ?? this.#pinned;
    this.#curves.moveCursor();
    this.#moment.changed();
  }

  /** @param {Partial<CurveSettings>} changes */
  #set(changes) {
    this.#pending = { ...this.#pending, ...changes };
    this.#settle();
    this.#curves.changed();
    this.#moment.changed();
    clearTimeout(this.#linking);
    this.#linking = setTimeout(() => {
      const settings = { ...settingsOf(this.query), ...this.#pending };
      this.#pending = {};
      this.setQuery(queryOf(settings));
    }, LINK_SETTLES_MS);
  }

  /** @param {string | number} checkpoint */
  #fork(checkpoint) {
    const job = jobs.job(this.#id);
    if (job !== undefined) forkDialog(job, this.#history?.checkpoints ?? [], checkpoint);
  }
}
customElements.define("job-view", JobView);

function gone() {
  return emptyState("There is no such job", h("p", { class: "muted" }, "It may have been deleted, or belong to somebody else."), h("a", { class: "button", href: hrefOf("/") }, "All jobs"));
}
