import { errorState } from "../../components/states.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { integer } from "../../format/numbers.js";
import { RequestFailed, isAborted } from "../../http/problem.js";
import { get } from "../../http/request.js";
import { lessonSection, live } from "./lesson_section.js";
import { visible, windowAt, windowCount } from "./windows.js";

/** @import { EstimateRecord, JobRecord, TextTokenRecord, TokenPartRecord } from "../../types/records.d.ts" */

const PAGE_CHARACTERS = 10_000;
/** So much of the text is looked at; of a window that is longer, as many pages as it takes. */
const PAGES = 4;
const MOST_PAGES = 64;
const SHOWN_PAIRS = 8;

/** Part 1: the text becomes windows of tokens, and each place in one an exercise. */
export class WindowsSection extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {EstimateRecord | null} */
  estimate = null;

  #intro = h("p", {});
  #slider = h("input", { type: "range", min: 1, value: 1, class: "slider", "aria-label": "Window" });
  #which = h("span", { class: "number slider-value" });
  #pairs = h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Inputs and targets" });
  #text = h("div", { class: "token-text", role: "group", "aria-label": "Tokens of the window: choose one as the target, by arrows or with a click" });
  #exercise = h("p", { class: "window-exercise", role: "status" });
  #failed = h("div");
  /** @type {TextTokenRecord[]} */
  #tokens = [];
  #index = 0;
  #target = 3;
  #asked = "";
  #shown = "";

  build() {
    this.append(
      lessonSection(
        1,
        "windows",
        "A text becomes exercises",
        this.#intro,
        h("label", { class: "slider-row" }, this.#which, this.#slider),
        this.#pairs,
        h("p", { class: "muted small" }, "The whole window. Choose a token: what stands before it is all that the model sees when it has to guess it."),
        this.#text,
        this.#exercise,
        this.#failed,
      ),
    );
    this.#slider.addEventListener("input", () => {
      this.#index = Number(this.#slider.value) - 1;
      this.changed();
    });
    this.#text.addEventListener("click", (event) => {
      const token = /** @type {Element} */ (event.target).closest("button");
      if (token === null) return;
      this.#target = Number(token.dataset.place);
      this.changed();
    });
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /**
   * A window may have a thousand tokens: Tab goes past them, arrows from one to the next.
   * @param {KeyboardEvent} event
   */
  #onKey(event) {
    const last = this.#text.children.length - 1;
    const to = { ArrowLeft: this.#target - 1, ArrowRight: this.#target + 1, Home: 1, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#target = Math.max(1, Math.min(to, last));
    this.changed();
  }

  render() {
    const { job } = this;
    if (job === null) return;
    this.#load(job);
    const { context_length: context } = job.spec.model;
    const stride = job.spec.training.stride ?? context;
    const here = windowCount(this.#tokens.length, context, stride);
    const count = Math.min(here, this.estimate?.windows ?? here);
    const state = JSON.stringify([job.id, this.#tokens.length, this.#index, this.#target, count, this.estimate?.tokens?.train]);
    if (state === this.#shown || this.#tokens.length === 0) return;
    this.#shown = state;
    this.#index = Math.min(this.#index, Math.max(0, count - 1));
    const window = windowAt(this.#tokens, this.#index, context, stride);
    fill(this.#intro, ...introduction(job, this.estimate));
    this.#slider.max = String(Math.max(1, count));
    this.#slider.value = String(this.#index + 1);
    const all = this.estimate?.windows ?? count;
    fill(this.#which, `Window ${integer(this.#index + 1)} of ${count < all ? `the first ${integer(count)}, ${integer(all)} in all` : integer(all)}`);
    if (window === null) return;
    this.#target = Math.min(this.#target, window.inputs.length);
    fill(this.#pairs, pairsTable(window, this.#target));
    const tokens = [...window.inputs, ...window.targets.slice(-1)];
    const focused = this.#text.contains(document.activeElement);
    fill(this.#text, ...tokens.map(({ text }, place) => this.#token(text, place)));
    if (focused) /** @type {HTMLElement | undefined} */ (this.#text.children[this.#target])?.focus();
    const target = tokens[this.#target];
    fill(
      this.#exercise,
      "After ",
      live(this.#target === 1 ? "1 token" : `${this.#target} tokens`),
      " the right answer is ",
      h("mark", { class: "lesson-token" }, visible(target?.text ?? "")),
      `, number ${integer(target?.id)} of the vocabulary.`,
    );
  }

  /**
   * @param {string} text
   * @param {number} place
   */
  #token(text, place) {
    const kind = place === this.#target ? " is-target" : place < this.#target ? " is-seen" : "";
    const isFirst = place === 0;
    return h(
      "button",
      { type: "button", class: `lesson-token${kind}`, disabled: isFirst, tabindex: place === this.#target ? 0 : -1, "aria-pressed": String(place === this.#target), data: { place: String(place) } },
      visible(text),
    );
  }

  /** @param {JobRecord} job */
  async #load(job) {
    const { dataset, tokenizer, model } = job.spec;
    const key = `${dataset} ${tokenizer}`;
    if (key === this.#asked) return;
    this.#asked = key;
    this.#tokens = [];
    fill(this.#failed);
    try {
      /** @type {TextTokenRecord[]} */
      const tokens = [];
      let offset = 0;
      for (let page = 0; page < MOST_PAGES && (page < PAGES || tokens.length <= model.context_length); page += 1) {
        /** @type {TokenPartRecord} */
        const part = await get(`datasets/${encodeURIComponent(dataset)}/tokens`, { query: { tokenizer, offset, limit: PAGE_CHARACTERS }, signal: this.signal });
        tokens.push(...part.tokens);
        offset = part.offset + [...part.text].length;
        if (!part.has_more) break;
      }
      if (this.#asked !== key) return;
      this.#tokens = tokens;
      this.changed();
    } catch (error) {
      if (isAborted(error)) {
        this.#asked = "";
        return;
      }
      if (!(error instanceof RequestFailed)) throw error;
      fill(this.#failed, errorState(error, () => ((this.#asked = ""), this.changed())));
    }
  }
}
customElements.define("windows-section", WindowsSection);

/**
 * @param {JobRecord} job
 * @param {EstimateRecord | null} estimate
 */
function introduction(job, estimate) {
  const { context_length: context } = job.spec.model;
  const stride = job.spec.training.stride ?? context;
  const tokens = estimate?.tokens ?? null;
  return [
    "The tokenizer ",
    h("code", {}, job.spec.tokenizer),
    " cuts the text into tokens. ",
    ...(tokens === null ? [] : ["The training part has ", live(integer(tokens.train)), " of them, the validation part ", live(integer(tokens.validation)), ". "]),
    "A window is ",
    live(integer(context)),
    ` tokens (the context length), and the next one begins ${stride === context ? "where it ends" : `${integer(stride)} tokens further`}. `,
    "Its targets are the same text one token later, so that one window is ",
    live(integer(context)),
    " exercises: guess the next token.",
  ];
}

/**
 * @param {import("./windows.js").TokenWindow} window
 * @param {number} target
 */
function pairsTable({ inputs, targets }, target) {
  const first = Math.max(0, Math.min(target - SHOWN_PAIRS / 2, inputs.length - SHOWN_PAIRS));
  const places = inputs.slice(first, first + SHOWN_PAIRS).map((_, index) => first + index);
  /** @param {readonly import("./windows.js").Token[]} tokens */
  const cells = (tokens) =>
    places.map((place) =>
      h("td", { class: place === target - 1 ? "is-chosen" : "" }, h("span", { class: "lesson-token" }, visible(tokens[place]?.text ?? "")), h("span", { class: "token-id" }, tokens[place]?.id ?? "")),
    );
  return h(
    "table",
    { class: "pairs" },
    h("caption", { class: "unseen" }, "Inputs and their targets"),
    h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "Input"), ...cells(inputs)), h("tr", {}, h("th", { scope: "row" }, "Target"), ...cells(targets))),
  );
}
