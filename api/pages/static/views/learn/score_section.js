import { setDisabled } from "../../components/disabled.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { decimal, integer } from "../../format/numbers.js";
import { RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { get, post } from "../../http/request.js";
import { lessonSection, live } from "./lesson_section.js";
import { probabilityInWords, probabilityOf, sumOf, surprise } from "./score_rows.js";
import { visible } from "./windows.js";

/** @import { EstimateRecord, JobRecord, LossRecord, ScoreRecord, TextPartRecord } from "../../types/records.d.ts" */

const FIRST_CHARACTERS = 180;
const MOST_CHARACTERS = 2000;
const NEVER_READ = "The quick brown fox jumps over the lazy dog.";

/** Part 3: what a loss is, token by token. */
export class ScoreSection extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {EstimateRecord | null} */
  estimate = null;
  /** @type {readonly LossRecord[]} */
  losses = [];
  hasCheckpoint = false;

  #intro = h("p", {});
  #text = h("textarea", { class: "textarea lesson-input", rows: 3, maxlength: MOST_CHARACTERS, "aria-label": "Text to score", spellcheck: "false" });
  #read = h("button", { type: "button", class: "chip", on: { click: () => this.#fromTraining() } }, "From its training text");
  #never = h("button", { type: "button", class: "chip", on: { click: () => this.#use(NEVER_READ) } }, "Never read");
  #ask = h("button", { type: "submit", class: "button" }, "Score it");
  #form = h("form", { class: "stack", on: { submit: (/** @type {Event} */ event) => (event.preventDefault(), this.#score()) } }, h("div", { class: "row" }, this.#read, this.#never), this.#text, h("div", { class: "row" }, this.#ask));
  #failed = h("p", { class: "field-error", role: "alert" });
  #shaded = h("p", { class: "token-text", "aria-label": "The text, the darker the more surprising" });
  #table = h("div", { class: "table-scroll score-table", tabindex: 0, role: "region", "aria-label": "Loss token by token" });
  #sum = h("p", { class: "lesson-sum" });
  #meaning = h("p", {});
  /** @type {ScoreRecord | null} */
  #scored = null;
  #begun = "";
  /** @type {AbortController | null} */
  #asking = null;

  build() {
    this.append(lessonSection(3, "loss", "The loss, taken apart", this.#intro, this.#form, this.#failed, this.#shaded, this.#table, this.#sum, this.#meaning));
  }

  render() {
    const { job, estimate } = this;
    if (job === null) return;
    if (this.#begun !== job.id && this.hasCheckpoint) {
      this.#begun = job.id;
      this.#scored = null;
      this.#fromTraining();
    }
    this.#form.hidden = !this.hasCheckpoint;
    const vocabulary = estimate === null ? null : Math.round(estimate.parameters.token_embedding / job.spec.model.emb_dim);
    fill(this.#intro, ...introduction(vocabulary, this.losses[0] ?? null));
    const scored = this.#scored;
    for (const element of [this.#shaded, this.#table, this.#sum, this.#meaning]) element.hidden = scored === null;
    if (!this.hasCheckpoint) fill(this.#failed, "It has no checkpoint yet: as soon as there is one, texts are scored here.");
    if (scored === null) return;
    fill(this.#shaded, ...scored.tokens.map((token) => h("span", { class: "lesson-token is-shaded", vars: { "--surprise": surprise(token).toFixed(3) }, title: token.nats === null ? "The first token follows nothing" : `${decimal(token.nats)} nats` }, visible(token.token))));
    fill(this.#table, scoreTable(scored));
    const sum = sumOf(scored);
    if (sum === null || scored.loss === null) return;
    fill(this.#sum, "Loss = ", live(decimal(sum.sum)), ` nats ÷ ${integer(sum.count)} tokens = `, live(decimal(scored.loss)), " nats a token");
    fill(
      this.#meaning,
      "Its perplexity is e to that power, ",
      live(decimal(scored.perplexity)),
      ": on average the model is as unsure as if it chose among so many tokens with a fair die",
      vocabulary === null ? "." : `, and not among all ${integer(vocabulary)}.`,
      ` A token that it foresees with certainty costs 0; one that it holds for impossible costs without bound. By checkpoint ${integer(scored.checkpoint)}, in float32.`,
    );
  }

  async #fromTraining() {
    if (this.job === null) return;
    try {
      /** @type {TextPartRecord} */
      const { text } = await get(`datasets/${encodeURIComponent(this.job.spec.dataset)}/text`, { query: { limit: FIRST_CHARACTERS }, signal: this.signal });
      const ended = text.lastIndexOf(".") + 1;
      this.#use(text.slice(0, ended > 40 ? ended : text.length).replaceAll("\u0000", " ").trim());
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.#use(NEVER_READ); // its text may be deleted by now
    }
  }

  /** @param {string} text */
  #use(text) {
    this.#text.value = text;
    this.#score();
  }

  async #score() {
    const text = this.#text.value;
    if (text.trim() === "" || this.job === null) return;
    this.#asking?.abort();
    this.#asking = new AbortController();
    fill(this.#failed);
    setDisabled(this.#ask, true);
    try {
      this.#scored = await post("score", { json: { job_id: this.job.id, checkpoint: "last", text }, signal: AbortSignal.any([this.signal, this.#asking.signal]) });
      setDisabled(this.#ask, false);
      this.changed();
    } catch (error) {
      if (isAborted(error)) return;
      setDisabled(this.#ask, false);
      if (!(error instanceof RequestFailed)) throw error;
      fill(this.#failed, inWords(error));
    }
  }
}
customElements.define("score-section", ScoreSection);

/**
 * @param {number | null} vocabulary
 * @param {LossRecord | null} first
 */
function introduction(vocabulary, first) {
  return [
    "For each token the model is asked how probable it was, and charged minus the logarithm of that. ",
    ...(vocabulary === null ? [] : ["A model that knows nothing gives each of ", live(integer(vocabulary)), " tokens the same probability, and is charged ln(", integer(vocabulary), ") = ", live(Math.log(vocabulary).toFixed(4)), " nats. "]),
    ...(first === null || first.train_loss === null ? [] : [first.step === 0 ? "After its first step this job had " : `At step ${integer(first.step)} this job had `, live(decimal(first.train_loss)), first.train_loss > Math.log(vocabulary ?? 1) ? ": weights drawn at random are worse than knowing nothing, as they are sure of nonsense. " : ". "]),
    "The loss of a text is the mean over its tokens:",
  ];
}

/** @param {ScoreRecord} scored */
function scoreTable({ tokens }) {
  return h(
    "table",
    { class: "table lesson-table" },
    h("caption", { class: "unseen" }, "Each token, its probability, rank and loss"),
    h("thead", {}, h("tr", {}, ["Token", "Probability", "Rank", "Nats, −ln p"].map((label, index) => h("th", { scope: "col", class: index === 0 ? "" : "numeric" }, label)))),
    h(
      "tbody",
      {},
      tokens.map(({ token, nats, rank }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, h("span", { class: "lesson-token" }, visible(token))),
          h("td", { class: "numeric" }, nats === null ? "–" : probabilityInWords(probabilityOf(nats))),
          h("td", { class: "numeric" }, rank === null ? "–" : integer(rank)),
          h("td", { class: "numeric" }, nats === null ? "–" : nats.toFixed(4)),
        ),
      ),
    ),
  );
}
