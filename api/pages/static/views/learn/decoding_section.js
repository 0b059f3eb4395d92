import { setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { integer } from "../../format/numbers.js";
import { RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { distribution, draw } from "./decoding.js";
import { lessonSection, live } from "./lesson_section.js";
import { probabilityInWords } from "./score_rows.js";
import { visible } from "./windows.js";

/** @import { GenerationRecord, JobRecord, LikelyToken } from "../../types/records.d.ts" */
/** @typedef {{temperature: number, topK: number, topP: number}} DecodingSettings */

/** As many as the service tells. */
const LIKELIEST = 20;
const PROMPT_SETTLES_MS = 500;

/** Part 6: from probabilities to a text. Events: `settings` (a part of `DecodingSettings`). */
export class DecodingSection extends Component {
  /** @type {JobRecord | null} */
  job = null;
  hasCheckpoint = false;
  /** @type {DecodingSettings} */
  settings = { temperature: 1, topK: LIKELIEST, topP: 1 };

  #prompt = h("textarea", { class: "textarea lesson-input", rows: 2, maxlength: 2000, "aria-label": "Text so far", spellcheck: "false" });
  #temperature = slider("Temperature", 0, 2, 0.05);
  #topK = slider("Top-k", 1, LIKELIEST, 1);
  #topP = slider("Top-p", 0.05, 1, 0.01);
  #bars = h("ol", { class: "odds", role: "list", "aria-label": "The likeliest next tokens" });
  #words = h("p", { role: "status" });
  #draw = h("button", { type: "button", class: "button primary", on: { click: () => this.#append() } }, icon("add"), "Draw the next token");
  #greedy = h("button", { type: "button", class: "button", on: { click: () => this.#append(0) } }, "Take the likeliest");
  #failed = h("p", { class: "field-error", role: "alert" });
  #body = h(
    "div",
    { class: "stack" },
    this.#prompt,
    h("div", { class: "decoding-settings" }, this.#temperature.element, this.#topK.element, this.#topP.element),
    h("div", { class: "odds-row odds-head", "aria-hidden": "true" }, h("span", {}, "Token"), h("span", {}), h("span", { class: "odds-value" }, "Drawn"), h("span", { class: "odds-model" }, "Model")),
    this.#bars,
    this.#words,
    h("div", { class: "row" }, this.#draw, this.#greedy),
  );
  /** @type {readonly LikelyToken[]} */
  #likely = [];
  #begun = "";
  /** @type {AbortController | null} */
  #asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;

  build() {
    this.append(
      lessonSection(
        6,
        "decoding",
        "From probabilities to a text",
        h("p", {}, "The model gives each possible next token a probability. Which one is written is decided afterwards: the temperature divides the logits, top-k keeps the k likeliest, top-p the fewest that together reach p. Then one is drawn, and all begins anew."),
        this.#body,
        this.#failed,
      ),
    );
    this.#prompt.addEventListener("input", () => {
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#load(), PROMPT_SETTLES_MS);
    });
    this.#temperature.input.addEventListener("input", () => this.emit("settings", { temperature: Number(this.#temperature.input.value) }));
    this.#topK.input.addEventListener("input", () => this.emit("settings", { topK: Number(this.#topK.input.value) }));
    this.#topP.input.addEventListener("input", () => this.emit("settings", { topP: Number(this.#topP.input.value) }));
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    signal.addEventListener("abort", () => clearTimeout(this.#settling));
  }

  render() {
    const { job } = this;
    if (job === null) return;
    if (this.#begun !== job.id && this.hasCheckpoint) {
      this.#begun = job.id;
      this.#likely = [];
      this.#prompt.value = [job.spec.sampling.start_context].flat()[0] ?? "";
      this.#load();
    }
    this.#body.hidden = !this.hasCheckpoint;
    if (!this.hasCheckpoint) fill(this.#failed, "It has no checkpoint yet: as soon as there is one, you decode here.");
    const { temperature, topK, topP } = this.settings;
    this.#temperature.show(temperature, temperature === 0 ? "0: the likeliest" : temperature.toFixed(2));
    this.#topK.show(topK, String(topK));
    this.#topP.show(topP, topP === 1 ? "1: all" : topP.toFixed(2));
    const odds = this.#odds();
    fill(this.#bars, ...this.#likely.map((token, index) => bar(token, odds[index] ?? 0)));
    for (const button of [this.#draw, this.#greedy]) setDisabled(button, this.#likely.length === 0);
    if (this.#likely.length > 0) fill(this.#words, ...inWordsOf(this.#likely, odds));
  }

  #odds() {
    return distribution(this.#likely.map(({ logprob }) => logprob ?? -Infinity), this.settings);
  }

  async #load() {
    const prompt = this.#prompt.value;
    if (this.job === null || prompt === "") return;
    this.#asking?.abort();
    this.#asking = new AbortController();
    fill(this.#failed);
    try {
      const json = { job_id: this.job.id, checkpoint: "last", prompt, max_new_tokens: 1, logprobs: LIKELIEST };
      /** @type {GenerationRecord} */
      const { logprobs } = await post("generate", { json, signal: AbortSignal.any([this.signal, this.#asking.signal]) });
      this.#likely = logprobs?.[0]?.top ?? [];
      this.changed();
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      fill(this.#failed, inWords(error));
    }
  }

  /** @param {number} [index]  of the token to take; drawn without it */
  #append(index = draw(this.#odds(), Math.random())) {
    const token = this.#likely[index];
    if (token === undefined) return;
    this.#prompt.value += token.token;
    this.#prompt.scrollTop = this.#prompt.scrollHeight;
    this.#load();
  }
}
customElements.define("decoding-section", DecodingSection);

/**
 * @param {string} label
 * @param {number} min
 * @param {number} max
 * @param {number} step
 */
function slider(label, min, max, step) {
  const input = h("input", { type: "range", class: "slider", min, max, step, value: max });
  const output = h("span", { class: "number slider-value" });
  const element = h("label", { class: "slider-field" }, h("span", { class: "slider-label" }, h("span", { class: "label" }, label), output), input);
  return {
    element,
    input,
    /**
     * @param {number} value
     * @param {string} words
     */
    show(value, words) {
      if (Number(input.value) !== value) input.value = String(value);
      input.setAttribute("aria-valuetext", words);
      fill(output, words);
    },
  };
}

/**
 * @param {LikelyToken} token
 * @param {number} odds
 */
function bar({ token, logprob }, odds) {
  const model = Math.exp(logprob ?? -Infinity);
  return h(
    "li",
    { class: odds === 0 ? "odds-row is-out" : "odds-row" },
    h("span", { class: "lesson-token" }, visible(token)),
    h("span", { class: "odds-bar", "aria-hidden": "true" }, h("span", { class: "odds-fill", vars: { "--share": odds.toFixed(4) } }), h("span", { class: "odds-mark", vars: { "--share": model.toFixed(4) } })),
    h("span", { class: "odds-value number" }, odds === 0 ? "out" : probabilityInWords(odds)),
    h("span", { class: "odds-model number muted", title: "Under the model, at temperature 1 and among all tokens" }, probabilityInWords(model)),
  );
}

/**
 * @param {readonly LikelyToken[]} likely
 * @param {readonly number[]} odds
 */
function inWordsOf(likely, odds) {
  const left = odds.filter((probability) => probability > 0);
  const entropy = left.reduce((sum, probability) => sum - probability * Math.log(probability), 0);
  const covered = likely.reduce((sum, { logprob }) => sum + Math.exp(logprob ?? -Infinity), 0);
  return [
    live(integer(left.length)),
    left.length === 1 ? " token is left, so that the same text comes every time. " : ` tokens are left, and drawing among them is like a fair die of ${Math.exp(entropy).toFixed(1)} sides. `,
    `The bar is what a token is drawn with, the line on it what the model itself says. These ${likely.length} have ${probabilityInWords(covered)} of the probability together; the service tells no more of them, so top-k is at most ${likely.length} here.`,
  ];
}
