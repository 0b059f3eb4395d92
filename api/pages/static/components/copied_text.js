import { Component } from "../dom/component.js";
import { fill, h } from "../dom/h.js";
import { stylesheet } from "../dom/stylesheet.js";
import { counted, integer, percent } from "../format/numbers.js";
import { RequestFailed, inWords, isAborted } from "../http/problem.js";
import { piecesOf } from "./sample_pieces.js";

/** @import { CopiedListing, SampleRecord } from "../types/records.d.ts" */
/** @import { CopiedSpan, Piece } from "./sample_pieces.js" */

await stylesheet(import.meta.url, "copied_text.css");

/** Characters of the training text that are shown on each side of what was copied. */
const AROUND = 160;

/** A sample, in which the prompt and what is copied from the training text are marked; a click shows the place there. */
export class CopiedText extends Component {
  /** @type {SampleRecord | null} */
  sample = null;
  /** @type {CopiedListing | null} */
  copied = null;
  /** @type {((offset: number, limit: number, signal: AbortSignal) => Promise<string>) | null} A part of the training text. */
  read = null;

  // A long one scrolls, also by keyboard.
  #text = h("blockquote", { class: "sample-text", tabindex: 0 });
  #note = h("p", { class: "small muted" });
  #place = h("div", { class: "sample-place", role: "status" });
  #shown = "";
  #asked = "";

  build() {
    this.append(this.#text, this.#note, this.#place);
  }

  render() {
    const { sample, copied } = this;
    if (sample === null) return;
    const state = JSON.stringify([sample.step, sample.index, sample.text, copied?.data ?? null]);
    if (state === this.#shown) return;
    this.#shown = state;
    this.#asked = "";
    fill(this.#place);
    fill(this.#text, ...piecesOf(sample.text, sample.prompt, copied?.data ?? []).map((piece) => this.#piece(piece)));
    fill(this.#note, copied === null ? "" : noteOf(copied));
  }

  /** @param {Piece} piece */
  #piece({ text, kind, span }) {
    if (kind === "own") return text;
    if (kind === "prompt" || span === null) return h("span", { class: "sample-prompt", title: "The prompt" }, text);
    // No <button>: a browser makes a box of one, which stands in lines of its own as soon as its text takes two.
    const copied = h(
      "span",
      { role: "button", tabindex: 0, class: "sample-copied", title: "Copied word for word: show the place in the training text", on: { click: () => this.#show(span) } },
      h("mark", {}, text),
    );
    copied.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      copied.click();
    });
    return copied;
  }

  /** @param {CopiedSpan} span */
  async #show(span) {
    if (this.read === null) return;
    const key = String(span.offset);
    if (this.#asked === key) {
      this.#asked = "";
      fill(this.#place);
      return;
    }
    this.#asked = key;
    const before = Math.min(AROUND, span.offset);
    const length = span.end - span.start;
    try {
      const text = await this.read(span.offset - before, before + length + AROUND, this.signal);
      if (this.#asked !== key) return;
      const characters = [...text];
      fill(
        this.#place,
        h("p", { class: "small muted" }, `In the training text, at character ${integer(span.offset)}:`),
        h(
          "blockquote",
          { class: "sample-source" },
          `…${characters.slice(0, before).join("")}`,
          h("mark", {}, characters.slice(before, before + length).join("")),
          `${characters.slice(before + length).join("")}…`,
        ),
      );
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      fill(this.#place, h("p", { class: "small muted" }, `The place can't be shown: ${inWords(error)}`));
    }
  }
}
customElements.define("copied-text", CopiedText);

/** @param {CopiedListing} copied */
function noteOf({ data, words, copied_words: copiedWords, searched_characters: searched, training_characters: all }) {
  const where = searched < all ? ` in the first ${integer(searched)} characters of the training text, which are searched` : "";
  if (data.length === 0) return `Nothing is copied word for word${where || " from the training text"}.`;
  const longest = Math.max(...data.map((span) => span.words));
  return `${percent(copiedWords / Math.max(1, words))} of its ${counted(words, "word")} stand word for word in the training text${where}, the longest run of ${longest}.`;
}
