import { errorState, loadingState } from "../../components/states.js";
import { TokenText, tokenLegend } from "../../components/token_text.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { textsOf } from "../../format/tokens.js";
import { Problem, RequestFailed, isAborted } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { figuresOf } from "./words.js";

/** @import { ScoreRecord, ScoredText } from "../../types/records.d.ts" */

/** How surprised a model is by each token of a text. Events: `again`. */
export class ScorePanel extends Component {
  /** Who scores it. */
  heading = "";
  /** Which checkpoint of it. */
  where = "";
  /** @type {Error | null} */
  error = null;

  #heading = h("h2", {});
  #figures = h("dl", { class: "score-figures" });
  #text = make(TokenText, { label: "Scored tokens" });
  #instead = h("div", {});
  #body = h("div", { class: "stack" }, this.#figures, this.#text, tokenLegend());

  build() {
    this.className = "panel panel-body answer";
    this.append(h("div", { class: "answer-head" }, this.#heading), this.#instead, this.#body);
    this.#body.hidden = true;
  }

  render() {
    fill(this.#heading, this.heading, this.where && h("span", { class: "muted answer-where" }, ` ${this.where}`));
  }

  /**
   * @param {Partial<ScoredText>} request
   * @param {AbortSignal} signal
   */
  async run(request, signal) {
    this.error = null;
    this.#show(loadingState("Scoring"));
    try {
      /** @type {ScoreRecord} */
      const score = await post("score", { json: request, signal });
      const texts = textsOf(score.tokens);
      this.#text.tokens = score.tokens.map(({ nats, rank }, index) => ({ text: texts[index] ?? "", nats, rank }));
      this.#text.changed();
      fill(this.#figures, ...figuresOf(score).map(({ label, value, explanation }) => h("div", { title: explanation }, h("dt", {}, label), h("dd", { class: "number" }, value))));
      this.#show(null);
    } catch (error) {
      if (isAborted(error)) return this.#show(h("p", { class: "muted" }, "Stopped"));
      if (!(error instanceof RequestFailed)) throw error;
      this.error = error;
      const isTheirs = error instanceof Problem && error.status === 422;
      this.#show(errorState(error, isTheirs ? undefined : () => this.emit("again")));
    }
  }

  /** @param {Element | null} instead */
  #show(instead) {
    this.#body.hidden = instead !== null;
    fill(this.#instead, instead);
  }
}
customElements.define("score-panel", ScorePanel);
