import { isDisabledNow, setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { errorState, loadingState } from "../../components/states.js";
import { toastError } from "../../components/toast.js";
import { fill, h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { Problem, RequestFailed, Unreachable, isAborted } from "../../http/problem.js";
import { get, post } from "../../http/request.js";
import { prefer, preference } from "../../page/preferences.js";
import { navigate } from "../../page/router.js";
import { events, jobs, session } from "../../page/services.js";
import { View } from "../../page/view.js";
import { nameOf } from "../../records/job_actions.js";
import { onShownChange } from "../../records/shown_jobs.js";
import { CommandsPanel } from "./commands_panel.js";
import { EstimatePanel } from "./estimate_panel.js";
import { FormSources } from "./form_sources.js";
import { presetWords } from "./labels.js";
import { bodyOf, changesOf, draftFrom, emptyDraft, isDraft, withValue } from "./spec_draft.js";
import { presetsOf, specSections } from "./spec_fields.js";
import { SpecSection } from "./spec_section.js";

/** @import { EstimateRecord } from "../../types/records.d.ts" */
/** @import { Draft } from "./spec_draft.js" */
/** @import { Section } from "./spec_fields.js" */

await stylesheet(import.meta.url, "new_job.css");

/** After the last key before an estimate is asked for. */
const SETTLED_MS = 250;
const DRAFT = "new-job";
/** A text that every service has, so that a preset can be filled in without the network. */
const ANY_DATASET = "sample";

/**
 * A form for a job's spec, made from the OpenAPI document. It starts from a preset (`?preset=`) or another job
 * (`?from=`), keeps a draft, and shows while somebody types what the job would take and what is wrong with it.
 */
export default class NewJobView extends View {
  #heading = h("h1", {}, "New job");
  #presets = h("div", { class: "preset-cards", role: "radiogroup", "aria-label": "Preset to start from" });
  #origin = h("p", { class: "muted new-job-origin" });
  #form = h("div", { class: "stack" });
  #estimate = make(EstimatePanel);
  #commands = make(CommandsPanel);
  #submit = h("button", { type: "submit", class: "button primary new-job-submit" }, icon("play"), "Start training");
  /** Beside the button where that is at hand without the estimate, on a phone. Screen readers have it from there. */
  #brief = h("p", { class: "new-job-brief small", "aria-hidden": "true" });
  #refused = h("p", { class: "field-error", role: "alert" });
  #body = h(
    "form",
    { class: "new-job", novalidate: true, on: { submit: (/** @type {Event} */ event) => (event.preventDefault(), this.#start()) } },
    h(
      "div",
      { class: "stack new-job-fields" },
      this.#presets,
      this.#origin,
      this.#form,
      h("section", { class: "panel", "aria-label": "The same job from elsewhere" }, this.#commands),
    ),
    h(
      "aside",
      { class: "new-job-aside", "aria-label": "What the job would take" },
      h("div", { class: "panel panel-body stack" }, this.#estimate, h("div", { class: "stack new-job-start" }, this.#brief, this.#submit, this.#refused)),
    ),
  );
  #instead = h("div", {}, loadingState("Loading the form"));

  /** @type {Section[]} */
  #sections = [];
  /** @type {readonly string[]} */
  #presetNames = [];
  /** @type {SpecSection[]} */
  #parts = [];
  #sources = new FormSources();
  /** @type {Map<string, Promise<Record<string, any>>>} What each preset alone is filled in to. */
  #bases = new Map();
  /** @type {Record<string, any> | null} Of the draft's preset. */
  #base = null;
  /** @type {Draft | null} */
  #draft = null;
  #arrived = "";
  /** @type {AbortController | null} */
  #asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  /** @type {{body: string, key: string} | null} A second click, or a retry, sends the same key. */
  #sent = null;

  build() {
    this.className = "view";
    this.append(h("div", { class: "view-head" }, this.#heading), this.#instead, this.#body);
    this.#body.hidden = true;
    this.#estimate.addEventListener("field", (event) => this.#goTo(/** @type {CustomEvent} */ (event).detail));
    this.#estimate.addEventListener("verdict", (event) => {
      const { tone, title } = /** @type {CustomEvent} */ (event).detail;
      this.#brief.dataset.tone = tone;
      fill(this.#brief, title);
    });
    this.#form.addEventListener("value", (event) => {
      const { path, value } = /** @type {CustomEvent} */ (event).detail;
      if (this.#draft !== null) this.#take(withValue(this.#draft, path, value));
    });
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    this.#sources.addEventListener("change", () => this.changed(), { signal });
    onShownChange(jobs, () => [this.#sources.jobs, jobs.all.map(({ id, name }) => [id, name])], () => this.changed(), signal);
    events.addEventListener("state", () => events.state === "live" && this.#estimate.error instanceof Unreachable && this.#askSoon(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#settling));
    this.#sources.load(signal);
    this.#load(signal);
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    try {
      const document = await get("openapi.json", { signal });
      this.#sections = specSections(document);
      this.#presetNames = presetsOf(document);
      this.#parts = this.#sections.map((section) => make(SpecSection, { section, isOpen: ["origin", "model", "training"].includes(section.name) }));
      fill(this.#form, ...this.#parts);
      this.#arrived = "";
      this.changed();
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.#say(errorState(error, () => this.#load(signal)));
    }
  }

  render() {
    if (this.#parts.length === 0) return;
    const place = this.query.toString();
    if (this.#arrived !== place || this.#draft === null) {
      this.#arrived = place;
      this.#begin();
      return;
    }
    if (this.#base === null) return;
    const { preset, from } = this.#draft;
    this.#instead.hidden = true;
    this.#body.hidden = false;
    this.#showPresets(preset, from);
    const changes = changesOf(this.#draft, this.#base);
    const { estimate, error } = this.#estimate;
    const wrong = error instanceof Problem ? error.byField : new Map(error === null ? (estimate?.reasons ?? []).map(({ field, message }) => [field, message]) : []);
    for (const part of this.#parts) {
      part.draft = this.#draft;
      part.filled = error === null && estimate !== null ? estimate.spec : this.#base;
      part.base = this.#base;
      part.changes = new Set(changes.map(([path]) => path));
      part.errors = wrong;
      part.sources = this.#sources;
      part.changed();
    }
    this.#commands.body = bodyOf(this.#draft, this.#base, this.#usualPreset());
    this.#commands.needsToken = session.needsSignIn;
    this.#commands.changed();
    this.#estimate.changed();
    const may = session.may("write");
    this.#submit.hidden = !may;
    if (!may) fill(this.#refused, "You may look, and not start jobs: ask for a token with the scope “write”.");
  }

  /** Have the draft that the link asks for. */
  async #begin() {
    const from = this.query.get("from");
    const preset = this.query.get("preset");
    const kept = preference(DRAFT, null, /** @type {(value: unknown) => value is Draft | null} */ ((value) => value === null || isDraft(value)));
    try {
      if (from !== null && kept?.from !== from) {
        const job = jobs.job(from) ?? (await get(`jobs/${encodeURIComponent(from)}`, { signal: this.signal }));
        this.#take(draftFrom(from, job.spec, await this.#baseOf(job.spec.preset)));
      } else if (kept !== null && (from !== null || preset === null || preset === kept.preset)) {
        this.#take(kept);
      } else {
        this.#take({ ...(kept !== null && kept.from === null ? kept : emptyDraft("")), preset: this.#presetNames.includes(preset ?? "") ? (preset ?? "") : this.#usualPreset() });
      }
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.#say(errorState(error, () => this.#begin()));
    }
  }

  #usualPreset() {
    return this.#presetNames[0] ?? "";
  }

  /**
   * @param {string} preset
   * @returns {Promise<Record<string, any>>}
   */
  #baseOf(preset) {
    const known = this.#bases.get(preset);
    if (known !== undefined) return known;
    const asked = post("jobs/estimate", { json: { preset, dataset: ANY_DATASET }, signal: this.signal }).then(({ spec }) => ({ ...spec, dataset: this.#usualDataset() }));
    this.#bases.set(preset, asked);
    asked.catch(() => this.#bases.delete(preset)); // it is asked for again
    return asked;
  }

  /** Presets do not name one. */
  #usualDataset() {
    return this.#sections.flatMap(({ fields }) => fields).find(({ path }) => path === "dataset")?.usual;
  }

  /** @param {Draft} draft */
  async #take(draft) {
    const isOther = this.#draft?.preset !== draft.preset;
    this.#draft = draft;
    prefer(DRAFT, draft);
    fill(this.#refused);
    if (isOther || this.#base === null) {
      try {
        const base = await this.#baseOf(draft.preset);
        if (this.#draft.preset !== draft.preset) return;
        this.#base = base;
      } catch (error) {
        if (isAborted(error)) return;
        if (!(error instanceof RequestFailed)) throw error;
        this.#say(errorState(error, () => this.#take(draft)));
        return;
      }
    }
    this.changed();
    this.#askSoon();
  }

  #askSoon() {
    clearTimeout(this.#settling);
    this.#asking?.abort();
    this.#estimate.isWaiting = true;
    this.#estimate.changed();
    this.#settling = setTimeout(() => this.#ask(), SETTLED_MS);
  }

  async #ask() {
    if (this.#draft === null || this.#base === null) return;
    const asking = (this.#asking = new AbortController());
    try {
      const json = bodyOf(this.#draft, this.#base, this.#usualPreset());
      /** @type {EstimateRecord} */
      const estimate = await post("jobs/estimate", { json, signal: AbortSignal.any([this.signal, asking.signal]) });
      Object.assign(this.#estimate, { estimate, error: null, isWaiting: false });
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      Object.assign(this.#estimate, { error, isWaiting: false });
    }
    this.changed();
  }

  async #start() {
    if (this.#draft === null || this.#base === null || isDisabledNow(this.#submit)) return;
    const json = bodyOf(this.#draft, this.#base, this.#usualPreset());
    const body = JSON.stringify(json);
    if (this.#sent?.body !== body) this.#sent = { body, key: randomKey() };
    setDisabled(this.#submit, true);
    fill(this.#refused);
    try {
      const job = await post("jobs", { json, headers: { "Idempotency-Key": this.#sent.key } });
      prefer(DRAFT, null);
      this.#draft = this.#sent = null;
      jobs.put(job);
      if (this.isHere) navigate(`/jobs/${job.id}`);
    } catch (error) {
      if (error instanceof Problem && error.errors.length > 0) {
        Object.assign(this.#estimate, { error, isWaiting: false });
        this.changed();
        this.#goTo(error.errors[0]?.field ?? "");
      } else if (error instanceof RequestFailed) {
        fill(this.#refused, error.message);
        toastError("The job could not be started", error);
      } else throw error;
    } finally {
      setDisabled(this.#submit, false);
    }
  }

  /**
   * @param {string} preset
   * @param {string | null} from
   */
  #showPresets(preset, from) {
    if (this.#presets.childElementCount === 0) {
      fill(
        this.#presets,
        ...this.#presetNames.map((name) => {
          const { title, text } = presetWords(name);
          const radio = h("input", { type: "radio", name: "preset", value: name, on: { change: () => this.#choosePreset(name) } });
          return h("label", { class: "preset-card" }, radio, h("span", { class: "preset-title" }, title), h("span", { class: "preset-text" }, text));
        }),
      );
    }
    for (const radio of this.#presets.querySelectorAll("input")) radio.checked = radio.value === preset;
    const job = from === null ? null : jobs.job(from);
    const count = this.#draft === null || this.#base === null ? 0 : changesOf(this.#draft, this.#base).length;
    const afresh = h("button", { type: "button", class: "link", on: { click: () => this.#afresh() } }, "Start afresh");
    fill(
      this.#origin,
      from === null ? null : ["A copy of ", h("a", { href: `#/jobs/${from}` }, job ? nameOf(job) : from), ". "],
      count === 0 ? "Nothing differs from the preset." : `${count === 1 ? "1 field differs" : `${count} fields differ`} from the preset. `,
      count > 0 && afresh,
    );
  }

  /** @param {string} preset */
  #choosePreset(preset) {
    if (this.#draft === null) return;
    this.#take({ ...(this.#draft.from === null ? this.#draft : emptyDraft(preset)), preset });
    this.#arrived = new URLSearchParams({ preset }).toString();
    navigate("/new", { preset }, { replace: true });
  }

  #afresh() {
    if (this.#draft === null) return;
    this.#draft = emptyDraft(this.#draft.preset);
    this.#choosePreset(this.#draft.preset);
  }

  /** @param {string} path  of a field, or within one */
  #goTo(path) {
    for (const part of this.#parts) if (part.goTo(path)) return;
  }

  /** @param {Element} element */
  #say(element) {
    this.#body.hidden = true;
    this.#instead.hidden = false;
    fill(this.#instead, element);
  }
}
customElements.define("new-job-view", NewJobView);

/** `crypto.randomUUID` is there on https and on this machine alone. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
