import { DataTable } from "../../components/data_table.js";
import { SearchChoice } from "../../components/search_choice.js";
import { errorState, loadingState } from "../../components/states.js";
import { fill, h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { compact, counted, decimal } from "../../format/numbers.js";
import { age } from "../../format/times.js";
import { navigate } from "../../page/router.js";
import { datasetNames, events, jobs } from "../../page/services.js";
import { View } from "../../page/view.js";
import { nameOf } from "../../records/job_actions.js";
import { fits } from "../../records/job_filters.js";
import { onShownChange } from "../../records/shown_jobs.js";
import { ComparedCurves } from "./compared_curves.js";
import { ComparedHistories } from "./compared_histories.js";
import { curveOf } from "./compared_series.js";
import { MOST_JOBS, compareQueryOf, compareSettingsOf } from "./compare_settings.js";
import { DifferencesPanel } from "./differences_panel.js";
import { differences, fieldsToColourBy } from "./differences.js";
import { looksOf } from "./looks.js";
import { resultColumns } from "./results.js";
import { SamplesPanel } from "./samples_panel.js";

/** @import { JobRecord } from "../../types/records.d.ts" */
/** @import { CompareSettings } from "./compare_settings.js" */
/** @import { Look } from "./looks.js" */
/** @import { Result } from "./results.js" */

await stylesheet(import.meta.url, "compare.css");

const MOST_FOUND = 30;
const SUGGESTED = 6;
/** Browsers complain about links that change many times a second. */
const LINK_SETTLES_MS = 200;

/** Several jobs beside each other: results, curves, samples, specs. All that is chosen is in the link. */
export default class CompareView extends View {
  #summary = h("p", { class: "muted", role: "status" });
  #search = make(SearchChoice, { label: "Add a job", placeholder: "Add a job", find: (text) => this.#find(text) });
  /** @type {DataTable<Result>} */
  #results = make(/** @type {new () => DataTable<Result>} */ (DataTable), { label: "Results", keyOf: ({ job }) => job.id, nameOf: ({ look }) => look.label });
  #curves = make(ComparedCurves);
  #samples = make(SamplesPanel);
  #differences = make(DifferencesPanel);
  #gone = h("p", { class: "muted compare-gone" });
  #body = h("div", { class: "compare-body" }, h("div", { class: "panel compare-results" }, this.#results), this.#curves, this.#samples, this.#differences);
  #instead = h("div");
  #histories = new ComparedHistories(events);
  #settings = compareSettingsOf(new URLSearchParams());
  /** @type {Partial<CompareSettings>} Not yet in the link. */
  #pending = {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #linking;
  /** @type {Map<string, Look>} */
  #looks = new Map();
  #insteadState = "";

  build() {
    this.className = "view compare-view";
    this.append(
      h("div", { class: "view-head" }, h("h1", {}, "Compare"), this.#summary, this.#search),
      this.#gone,
      this.#body,
      this.#instead,
    );
    this.#search.addEventListener("choose", (event) => this.#add(/** @type {CustomEvent} */ (event).detail));
    this.#curves.addEventListener("settings", (event) => this.#set(/** @type {CustomEvent} */ (event).detail));
    this.#curves.addEventListener("step", (event) => this.#set({ step: /** @type {CustomEvent} */ (event).detail }));
    this.#curves.addEventListener("lit", (event) => this.#light(/** @type {CustomEvent} */ (event).detail));
    this.#samples.addEventListener("step", (event) => this.#set({ step: /** @type {CustomEvent} */ (event).detail }));
    this.#samples.addEventListener("prompt", (event) => this.#set({ prompt: /** @type {CustomEvent} */ (event).detail }));
    this.#differences.addEventListener("all", (event) => this.#set({ showsAll: /** @type {CustomEvent} */ (event).detail }));
    this.#results.addEventListener("sort", (event) => {
      const { column, isDescending } = /** @type {CustomEvent} */ (event).detail;
      this.#set({ sort: `${isDescending ? "-" : ""}${column}` });
    });
    for (const element of [this.#results, this.#samples]) {
      for (const type of ["pointerover", "focusin"]) element.addEventListener(type, (event) => this.#pointAt(keyAround(event.target)));
      for (const type of ["pointerleave", "focusout"]) element.addEventListener(type, () => this.#pointAt(null));
    }
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    this.#pending = {};
    onShownChange(jobs, () => [this.#settings.ids.map((id) => jobs.job(id)), jobs.all.map(({ id, name, archived, best }) => [id, name, archived, best?.val_loss])], () => this.changed(), signal);
    datasetNames.addEventListener("change", () => this.changed(), { signal });
    this.#histories.addEventListener("change", () => this.changed(), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#linking);
      this.#histories.clear();
    });
  }

  render() {
    const settings = { ...compareSettingsOf(this.query), ...this.#pending };
    this.#settings = settings;
    const found = settings.ids.map((id) => jobs.job(id)).filter((job) => job !== undefined);
    const isRead = jobs.state !== "loading";
    this.#histories.follow(found.map(({ id }) => id), this.signal);
    this.#looks = looksOf(found, settings.colourBy);
    const rows = differences(found.map(({ spec }) => spec));
    this.pageTitle = found.length > 0 && found.length < 4 ? `Compare ${[...this.#looks.values()].map(({ label }) => label).join(", ")}` : "Compare";
    this.#search.none = isRead ? "No other job fits" : "Loading jobs …";
    this.#search.refresh();
    fill(this.#summary, found.length === 0 ? "" : counted(found.length, "job"));
    this.#renderGone(settings.ids.length - found.length, isRead);
    this.#renderInstead(found, isRead);
    this.#body.hidden = found.length === 0;
    if (found.length === 0) return;

    this.#renderResults(found);
    this.#curves.settings = settings;
    this.#curves.histories = this.#histories;
    this.#curves.looks = this.#looks;
    this.#curves.fields = fieldsToColourBy(rows);
    this.#samples.writers = found.map(({ id }) => ({ id, look: this.#lookOf(id), samples: this.#histories.of(id)?.samples ?? [] }));
    this.#samples.step = settings.step;
    this.#samples.prompt = settings.prompt;
    this.#differences.jobs = found;
    this.#differences.looks = this.#looks;
    this.#differences.rows = rows;
    this.#differences.showsAll = settings.showsAll;
    for (const element of [this.#curves, this.#samples, this.#differences]) element.changed();
    this.#histories.layOver(settings.x);
    this.#histories.zoom(settings.x, settings.from === null || settings.to === null ? null : [settings.from, settings.to]);
  }

  /** @param {readonly JobRecord[]} found */
  #renderResults(found) {
    const { baseline, sort } = this.#settings;
    const results = found.map((job) => ({
      job,
      look: this.#lookOf(job.id),
      elapsedS: this.#histories.of(job.id)?.losses.at(-1)?.elapsed_s ?? null,
      isBaseline: job.id === baseline,
    }));
    const pin = (/** @type {string} */ id) => this.#set(id === baseline ? { baseline: null, isRelative: false } : { baseline: id });
    this.#results.columns = resultColumns(results, { pin, remove: (id) => this.#remove(id) });
    this.#results.sort = sort === null ? null : { column: sort.replace(/^-/, ""), isDescending: sort.startsWith("-") };
    this.#results.rows = results;
    if (this.#results.isConnected) this.#results.render();
  }

  /**
   * @param {number} count  of jobs in the link that are not there
   * @param {boolean} isRead
   */
  #renderGone(count, isRead) {
    this.#gone.hidden = count === 0 || !isRead || this.#settings.ids.length === count;
    fill(this.#gone, `${counted(count, "job")} of the link ${count === 1 ? "is" : "are"} not there: deleted, or somebody else's.`);
  }

  /**
   * @param {readonly JobRecord[]} found
   * @param {boolean} isRead
   */
  #renderInstead(found, isRead) {
    const suggested = jobs.all.filter((job) => !job.archived && job.best !== null && !this.#settings.ids.includes(job.id)).slice(0, SUGGESTED);
    const kind = !isRead && found.length < 2 ? "loading" : jobs.state === "failed" ? "failed" : found.length < 2 ? "few" : "";
    const state = JSON.stringify([kind, found.length, kind === "few" && suggested.map((job) => [job.id, nameOf(job), job.best])]);
    this.#instead.hidden = kind === "";
    if (state === this.#insteadState) return;
    this.#insteadState = state;
    if (kind === "loading") fill(this.#instead, loadingState("Loading jobs"));
    else if (kind === "failed") fill(this.#instead, errorState(jobs.error, () => jobs.load()));
    else if (kind === "few") fill(this.#instead, this.#suggestions(found.length, suggested));
    else fill(this.#instead);
  }

  /**
   * @param {number} count  of jobs that are there
   * @param {readonly JobRecord[]} suggested
   */
  #suggestions(count, suggested) {
    const cards = suggested.map((job) =>
      h(
        "button",
        { type: "button", class: "panel compare-suggestion", on: { click: () => this.#add(job.id) } },
        h("strong", {}, nameOf(job)),
        h("span", { class: "muted small" }, noteOf(job)),
      ),
    );
    return h(
      "div",
      { class: "compare-start" },
      h("h2", {}, count === 0 ? "Which jobs?" : "Beside which other one?"),
      h("p", { class: "muted" }, suggested.length > 0 ? "Choose from the newest, search above, or select several in the table of jobs." : "There is no other job with an evaluation yet: they are offered here as they come."),
      h("div", { class: "compare-suggestions" }, ...cards),
    );
  }

  /** @param {string} text */
  #find(text) {
    const found = jobs.all.filter((job) => !this.#settings.ids.includes(job.id) && fits(job, { show: "", text, tag: "" }));
    // What is called so comes before what has the words elsewhere, such as in its id.
    const isCalled = (/** @type {JobRecord} */ job) => nameOf(job).toLowerCase().includes(text.toLowerCase());
    return [...found.filter(isCalled), ...found.filter((job) => !isCalled(job))]
      .slice(0, MOST_FOUND)
      .map((job) => ({ id: job.id, label: nameOf(job), note: noteOf(job) }));
  }

  /** @param {string} id */
  #add(id) {
    this.#set({ ids: [...this.#settings.ids, id].slice(-MOST_JOBS) });
  }

  /** @param {string} id */
  #remove(id) {
    const { ids, baseline } = this.#settings;
    const changes = id === baseline ? { baseline: null, isRelative: false } : {};
    this.#set({ ...changes, ids: ids.filter((other) => other !== id) });
  }

  /** @param {Partial<CompareSettings>} changes */
  #set(changes) {
    this.#pending = { ...this.#pending, ...changes };
    this.changed();
    clearTimeout(this.#linking);
    this.#linking = setTimeout(() => {
      const settings = { ...compareSettingsOf(this.query), ...this.#pending };
      this.#pending = {};
      if (this.isHere) navigate("/compare", compareQueryOf(settings), { replace: true });
    }, LINK_SETTLES_MS);
  }

  /**
   * Light the curve of a job.
   * @param {string | null} id
   */
  #pointAt(id) {
    const look = id === null ? undefined : this.#looks.get(id);
    const curve = id === null || look === undefined ? null : curveOf(id, look, this.#settings.isGrouped);
    this.#curves.highlighted = curve;
    this.#light(curve);
  }

  /**
   * Light what belongs to a curve.
   * @param {string | null} curve
   */
  #light(curve) {
    for (const element of this.querySelectorAll("[data-key]")) {
      const { key = "" } = /** @type {HTMLElement} */ (element).dataset;
      const look = this.#looks.get(key);
      element.classList.toggle("is-lit", curve !== null && look !== undefined && curveOf(key, look, this.#settings.isGrouped) === curve);
    }
  }

  /**
   * @param {string} id
   * @returns {Look}
   */
  #lookOf(id) {
    return this.#looks.get(id) ?? { label: id, colour: 1, isDashed: false, group: null };
  }
}
customElements.define("compare-view", CompareView);

/** @param {JobRecord} job */
function noteOf(job) {
  const best = job.best === null ? "no evaluation yet" : `best ${decimal(job.best.val_loss)}`;
  return [job.status, best, `${compact(job.parameters)} parameters`, `${age(job.created_at)} old`].join(" · ");
}

/**
 * @param {EventTarget | null} target
 * @returns {string | null}
 */
function keyAround(target) {
  const element = target instanceof Element ? target.closest("[data-key]") : null;
  return element instanceof HTMLElement ? (element.dataset.key ?? null) : null;
}
