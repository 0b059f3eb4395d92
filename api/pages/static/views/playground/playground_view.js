import { setDisabled } from "../../components/disabled.js";
import { field } from "../../components/field.js";
import { icon } from "../../components/icon.js";
import { emptyState, loadingState } from "../../components/states.js";
import { toast } from "../../components/toast.js";
import { choiceChips } from "../../components/toolbar.js";
import { fill, h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { Problem } from "../../http/problem.js";
import { hrefOf } from "../../page/location.js";
import { events, jobs } from "../../page/services.js";
import { View } from "../../page/view.js";
import { nameOf } from "../../records/job_actions.js";
import { onShownChange } from "../../records/shown_jobs.js";
import { AnswerPanel } from "./answer_panel.js";
import { Generation } from "./generation.js";
import { KnownCheckpoints } from "./known_checkpoints.js";
import { SamplingFields } from "./sampling_fields.js";
import { ScorePanel } from "./score_panel.js";
import { MODES, queryOf, requestOf, settingsOf } from "./settings.js";
import { askedOf, firstToAsk, mayBeAsked, queryOfTarget, targetOf } from "./target.js";
import { TargetPicker } from "./target_picker.js";
import { TimeMachine } from "./time_machine.js";

/** @import { Mode, Settings } from "./settings.js" */
/** @import { Target } from "./target.js" */

/**
 * What a panel shows the answer to, whatever the link says since.
 * @typedef {{target: Target, prompt: string, given: string}} Asked
 */

await stylesheet(import.meta.url, "playground.css");

const MODE_LABELS = { generate: "Generate", time: "Time machine", score: "Score a text" };
const RUN_LABELS = { generate: "Generate", time: "Ask every checkpoint", score: "Score" };

/**
 * Where a model is asked: it continues a prompt, as each of its checkpoints would, or says how a text surprises it.
 * Everything that leads to an answer is in the link; one with `run` asks at once, and so does the browser's way back to
 * before an alternative was chosen.
 */
export default class PlaygroundView extends View {
  #modes = h("div", {});
  #prompt = field("Prompt", h("textarea", { rows: 3, spellcheck: "false", class: "playground-prompt" }));
  #text = field("Text to score", h("textarea", { rows: 6, spellcheck: "false", class: "playground-prompt" }));
  #given = h("p", { class: "small playground-given" });
  #run = h("button", { type: "button", class: "button primary", on: { click: () => this.#ask() } });
  #stop = h("button", { type: "button", class: "button", on: { click: () => this.#running?.abort() } }, icon("close"), "Stop");
  #pickers = [make(TargetPicker), make(TargetPicker)];
  #second = h("button", { type: "button", class: "button", on: { click: () => this.#toggleSecond() } });
  #sampling = make(SamplingFields);
  #answers = [make(AnswerPanel, { generation: new Generation() }), make(AnswerPanel, { generation: new Generation() })];
  #scores = [make(ScorePanel), make(ScorePanel)];
  #time = make(TimeMachine);
  #results = h("div", { class: "playground-results" }, ...this.#answers, ...this.#scores, this.#time);
  #instead = h("div", {}, loadingState("Loading jobs"));
  #samplingPanel = h("section", { class: "panel panel-body", "aria-label": "Sampling" }, this.#sampling);
  #body = h("div", { class: "playground" });

  #known = new KnownCheckpoints(events);
  /** @type {AbortController | null} Ends what is asked. */
  #running = null;
  /** The request whose answer is shown: a link that leads to another one asks anew. */
  #asked = "";
  /** @type {{generate: Asked[], score: Asked[]}} By the panel. */
  #answered = { generate: [], score: [] };
  /** The link's settings that the fields show. */
  #settled = "";

  build() {
    this.className = "view";
    const secondPicker = h("div", { class: "playground-second" }, this.#pickers[1]);
    this.append(h("div", { class: "view-head" }, h("h1", { tabindex: -1 }, "Playground"), this.#modes), this.#instead, this.#body);
    fill(
      this.#body,
      h(
        "section",
        { class: "panel panel-body stack playground-ask", "aria-label": "What is asked" },
        this.#prompt.element,
        this.#text.element,
        this.#given,
        h("div", { class: "row" }, this.#run, this.#stop, h("span", { class: "muted small playground-keys" }, h("kbd", { class: "key" }, "Ctrl"), " ", h("kbd", { class: "key" }, "Enter"))),
      ),
      // Before what is chosen but seldom: from the button to the answer it is one step of Tab.
      this.#results,
      h(
        "div",
        { class: "playground-side" },
        h("section", { class: "panel panel-body stack playground-who", "aria-label": "Who is asked" }, this.#pickers[0], secondPicker, this.#second),
        this.#samplingPanel,
      ),
    );
    this.#samplingPanel.classList.add("playground-sampling");
    for (const { control } of [this.#prompt, this.#text]) control.addEventListener("change", () => this.#write());
    this.#prompt.control.addEventListener("input", () => this.#renderGiven(""));
    this.#sampling.addEventListener("settings", () => this.#write());
    for (const [index, picker] of this.#pickers.entries()) {
      picker.addEventListener("target", (event) => this.setQuery({ ...queryOfTarget(/** @type {CustomEvent} */ (event).detail, index === 0 ? "" : "2"), run: null }));
    }
    for (const [index, answer] of this.#answers.entries()) {
      answer.addEventListener("choose", (event) => this.#goOn(index, /** @type {CustomEvent} */ (event).detail));
      answer.generation?.addEventListener("change", () => (answer.changed(), this.changed()));
    }
    this.addEventListener("again", () => this.#ask());
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#ask();
      else if (event.key === "Escape" && this.#running !== null && !event.defaultPrevented) this.#running.abort();
      else return;
      event.preventDefault();
    });
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    this.#known.open(signal);
    onShownChange(jobs, () => jobs.all.map((job) => [job.id, job.name, job.status, mayBeAsked(job)]), () => this.changed(), signal);
    this.#known.addEventListener("change", () => this.changed(), { signal });
    signal.addEventListener("abort", () => this.#running?.abort());
  }

  /** @returns {[Target | null, Target | null]} */
  get #targets() {
    const first = firstToAsk(jobs.all);
    const target = targetOf(this.query, "") ?? (first === null ? null : { kind: "job", id: first.id, checkpoint: "last" });
    return [target, targetOf(this.query, "2")];
  }

  render() {
    const [target, other] = this.#targets;
    const settings = settingsOf(this.query);
    const { mode } = settings;
    const isReady = target !== null;
    this.#body.hidden = !isReady;
    this.#instead.hidden = isReady;
    this.#renderModes(mode);
    if (target === null) return this.#renderInstead();

    this.#settle(settings);
    this.#prompt.element.hidden = mode === "score";
    this.#text.element.hidden = mode !== "score";
    this.#samplingPanel.hidden = mode === "score";
    for (const [index, picker] of this.#pickers.entries()) {
      picker.target = (index === 0 ? target : other);
      picker.jobs = jobs.all;
      picker.known = this.#known;
      picker.hasCheckpoint = mode !== "time";
      picker.changed();
    }
    const isPair = other !== null && mode !== "time";
    const [, secondPicker] = this.#pickers;
    if (secondPicker !== undefined) secondPicker.hidden = !isPair;
    this.#second.hidden = mode === "time";
    fill(this.#second, isPair ? [icon("close"), "One alone"] : [icon("compare"), "Ask another one too"]);
    const isRunning = this.#running !== null;
    fill(this.#run, icon(mode === "score" ? "search" : "play"), RUN_LABELS[mode]);
    setDisabled(this.#run, isRunning);
    this.#stop.hidden = !isRunning;
    this.#renderResults(mode, target, isPair ? other : null);
    const isKnown = mode !== "time" || target.kind === "model" || this.#known.of(target.id) !== "loading";
    if (this.query.get("run") && isKnown && this.#signature() !== this.#asked) this.#start();
  }

  /** @param {Mode} mode */
  #renderModes(mode) {
    if (this.#modes.dataset.mode === mode) return;
    this.#modes.dataset.mode = mode;
    const hadFocus = this.#modes.contains(document.activeElement);
    const choices = MODES.map((value) => ({ value, label: MODE_LABELS[value] }));
    fill(this.#modes, choiceChips({ label: "What to do", choices, chosen: mode, onChoose: (value) => this.#write({ mode: /** @type {Mode} */ (value) }) }));
    if (hadFocus) /** @type {HTMLElement | null} */ (this.#modes.querySelector('[aria-pressed="true"]'))?.focus();
  }

  #renderInstead() {
    if (jobs.state === "loading") return;
    fill(
      this.#instead,
      emptyState(
        "Nobody to ask yet",
        h("p", { class: "muted" }, "A job can be asked as soon as it has its first checkpoint. Start one, and come back in a minute."),
        h("a", { class: "button primary", href: hrefOf("/") }, "Go to the jobs"),
      ),
    );
  }

  /**
   * @param {Mode} mode
   * @param {Target} target
   * @param {Target | null} other
   */
  #renderResults(mode, target, other) {
    this.#results.classList.toggle("pair", other !== null);
    for (const [index, answer] of this.#answers.entries()) {
      const asked = this.#answered.generate[index];
      answer.hidden = mode !== "generate" || asked === undefined || (index === 1 && other === null);
      if (asked === undefined) continue;
      [answer.heading, answer.where] = this.#nameOf(asked.target);
      answer.prompt = asked.prompt + asked.given;
      answer.changed();
    }
    for (const [index, score] of this.#scores.entries()) {
      const asked = this.#answered.score[index];
      score.hidden = mode !== "score" || asked === undefined || (index === 1 && other === null);
      if (asked === undefined) continue;
      [score.heading, score.where] = this.#nameOf(asked.target);
      score.changed();
    }
    this.#time.hidden = mode !== "time";
    this.#time.jobId = target.kind === "job" ? target.id : null;
    this.#time.checkpoints = target.kind === "job" ? this.#known.of(target.id) : [];
    this.#time.changed();
  }

  /** @param {Target} target */
  #nameOf({ kind, id, checkpoint }) {
    const job = jobs.job(id);
    const name = kind === "model" ? (this.#known.models.find((model) => model.id === id)?.name ?? id) : job === undefined ? id : nameOf(job);
    const where = kind === "model" ? "" : /^\d+$/.test(checkpoint) ? `step ${checkpoint}` : `the ${checkpoint === "last" ? "newest" : "best"}`;
    return /** @type {const} */ ([name, where]);
  }

  /**
   * Have the fields say what the link says, where that has changed.
   * @param {Settings} settings
   */
  #settle(settings) {
    const state = JSON.stringify(settings);
    if (state === this.#settled) return;
    this.#settled = state;
    this.#prompt.control.value = settings.prompt;
    this.#text.control.value = settings.text;
    this.#sampling.settings = settings;
    // At once: who asks before the next frame asks with these.
    this.#sampling.render();
    this.#renderGiven(settings.given);
  }

  /** @param {string} given */
  #renderGiven(given) {
    this.#given.hidden = given === "";
    const back = h("button", { type: "button", class: "button quiet", on: { click: () => this.#write({ given: "" }, true) } }, "From the prompt again");
    fill(this.#given, given !== "" && [h("span", { class: "muted" }, "goes on with "), h("q", { class: "playground-branch" }, given), back]);
  }

  /** What the fields say. */
  #current() {
    const settings = settingsOf(this.query);
    const prompt = this.#prompt.control.value;
    // What was chosen follows the prompt that it was chosen for.
    const given = prompt === settings.prompt ? settings.given : "";
    return { ...settings, ...this.#sampling.values, prompt, given, text: this.#text.control.value };
  }

  /**
   * Put the fields into the link.
   * @param {Partial<Settings>} [changes]
   * @param {boolean} [runs]
   * @param {{replace?: boolean}} [options]
   */
  #write(changes = {}, runs = false, options = {}) {
    const [target, other] = this.#targets;
    this.setQuery({ ...queryOf({ ...this.#current(), ...changes }), ...queryOfTarget(target, ""), ...queryOfTarget(other, "2"), run: runs || null }, options);
  }

  #toggleSecond() {
    const [target, other] = this.#targets;
    const isBest = target?.checkpoint === "best";
    const second = other !== null ? null : target?.kind === "job" ? { ...target, checkpoint: isBest ? "last" : "best" } : target;
    this.setQuery({ ...queryOfTarget(second, "2"), run: null });
  }

  /** Ask what the fields say. */
  #ask() {
    if (this.#running !== null) return;
    this.#settle(settingsOf(this.query));
    this.#asked = "";
    this.#write({}, true);
    this.changed();
  }

  /**
   * @param {number} index  of the panel
   * @param {string | null} text  that follows the prompt that was asked, and what was chosen before
   */
  #goOn(index, text) {
    if (text === null) return toast("From there no text can go on: a character of it is not whole.");
    const asked = this.#answered.generate[index];
    if (asked === undefined) return;
    this.#running?.abort();
    this.#write({ prompt: asked.prompt, given: asked.given + text }, true, { replace: false });
  }

  /** What is asked by the link, and of whom. */
  #signature() {
    const { mode, text, ...settings } = settingsOf(this.query);
    const [target, other] = this.#targets;
    if (mode === "score") return JSON.stringify([mode, text, target, other]);
    return JSON.stringify([mode, settings, mode === "time" ? target?.id : [target, other]]);
  }

  async #start() {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#asked = this.#signature();
    this.changed();
    try {
      this.#showErrors(await this.#answer(running.signal));
    } finally {
      if (this.#running === running) this.#running = null;
      this.changed();
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<(Error | null)[]>}
   */
  async #answer(signal) {
    const settings = settingsOf(this.query);
    const targets = this.#targets.filter((target) => target !== null);
    if (settings.mode === "time") {
      const [target] = targets;
      if (target === undefined) return [];
      const request = requestOf(settings);
      return [await this.#time.run((step) => ({ ...request, ...askedOf({ ...target, checkpoint: String(step) }) }), signal)];
    }
    this.#answered[settings.mode] = targets.map((target) => ({ target, prompt: settings.prompt, given: settings.given }));
    this.changed();
    if (settings.mode === "score") {
      const panels = targets.map((target, index) => ({ target, panel: this.#scores[index] }));
      await Promise.all(panels.map(({ target, panel }) => panel?.run({ ...askedOf(target), text: settings.text }, signal)));
      return panels.map(({ panel }) => panel?.error ?? null);
    }
    const generations = targets.map((target, index) => ({ target, generation: this.#answers[index]?.generation }));
    const request = requestOf(settings);
    await Promise.all(generations.map(({ target, generation }) => generation?.run({ ...request, ...askedOf(target) }, signal)));
    return generations.map(({ generation }) => generation?.error ?? null);
  }

  /** @param {(Error | null)[]} errors */
  #showErrors(errors) {
    const messages = new Map(errors.flatMap((error) => (error instanceof Problem ? [...error.byField] : [])));
    this.#sampling.showErrors(messages);
    this.#prompt.setError(messages.get("prompt") ?? null);
    this.#text.setError(messages.get("text") ?? null);
  }
}
customElements.define("playground-view", PlaygroundView);
