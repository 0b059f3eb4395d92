import { errorState } from "../../components/states.js";
import { TokenText, tokenLegend } from "../../components/token_text.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { integer } from "../../format/numbers.js";
import { Problem } from "../../http/problem.js";
import { endingOf } from "./words.js";

/** @import { Generation } from "./generation.js" */

/**
 * A prompt and what follows it, token by token. Events: `choose` (the text that follows the prompt from now on, or null
 * where the tokens are none), `again`.
 */
export class AnswerPanel extends Component {
  /** Whose answer it is. */
  heading = "";
  /** Which checkpoint of it. */
  where = "";
  /** @type {Generation | null} */
  generation = null;
  /** What the text goes on from. */
  prompt = "";
  isChoosable = true;

  #heading = h("h2", {});
  #status = h("p", { class: "small muted answer-status" });
  #said = h("p", { class: "unseen", role: "status" });
  #text = make(TokenText, { label: "Generated tokens" });
  #caret = h("span", { class: "answer-caret", "aria-hidden": "true" });
  #error = h("div", {});

  build() {
    this.className = "panel panel-body answer";
    this.append(h("div", { class: "answer-head" }, this.#heading, this.#status), this.#text, this.#error, tokenLegend(), this.#said);
    this.#text.addEventListener("choose", (event) => {
      event.stopPropagation();
      const { index, alternative } = /** @type {CustomEvent} */ (event).detail;
      this.emit("choose", this.generation?.textWith(index, alternative) ?? null);
    });
  }

  render() {
    const { generation } = this;
    if (generation === null) return;
    const { state, tokens, record, error } = generation;
    fill(this.#heading, this.heading, this.where && h("span", { class: "muted answer-where" }, ` ${this.where}`));
    this.#text.lead = this.prompt;
    this.#text.tokens = tokens;
    this.#text.isChoosable = this.isChoosable && !generation.isRunning;
    this.#text.changed();
    this.setAttribute("aria-busy", String(generation.isRunning));
    if (generation.isRunning) this.#text.append(this.#caret);
    else this.#caret.remove();
    if (state === "waiting") fill(this.#status, "Waiting for a worker …");
    else if (state === "streaming") fill(this.#status, `${integer(tokens.length)} tokens …`);
    else if (state === "stopped") fill(this.#status, `Stopped after ${integer(tokens.length)} tokens`);
    else if (record !== null) fill(this.#status, endingOf(record));
    else fill(this.#status);
    // Screen readers hear how it ended, and not each token.
    fill(this.#said, generation.isRunning || state === "idle" ? "" : (this.#status.textContent ?? ""));
    this.#error.hidden = state !== "failed";
    if (state === "failed" && this.#error.firstChild === null) {
      const isTheirs = error instanceof Problem && error.status === 422;
      fill(this.#error, errorState(error, isTheirs ? undefined : () => this.emit("again")));
    } else if (state !== "failed") {
      fill(this.#error);
    }
  }
}
customElements.define("answer-panel", AnswerPanel);
