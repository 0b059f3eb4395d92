import { setChoices } from "../../components/choices.js";
import { setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { emptyState, errorState, loadingState } from "../../components/states.js";
import { toolbar } from "../../components/toolbar.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { bytes, counted, decimal, integer } from "../../format/numbers.js";
import { Problem, RequestFailed, isAborted } from "../../http/problem.js";
import { get } from "../../http/request.js";
import { isHere } from "./dataset_status.js";
import { jobLinksOf } from "./datasets_panel.js";
import { bytesPerToken, trainCharacters, trainTokens } from "./split.js";
import { tokenPart } from "./token_part.js";

/** @import { DatasetRecord, TokenPartRecord, TokenizerRecord } from "../../types/records.d.ts" */

export const PART = 2000;

/** A part of a data set's text with its tokens. Events: `look` (`{at, tokenizer, ratio}`, what is changed), `close`. */
export class PreviewPanel extends Component {
  /** @type {DatasetRecord | null} */
  record = null;
  /** @type {readonly TokenizerRecord[]} */
  tokenizers = [];
  tokenizer = "gpt2";
  at = 0;
  ratio = 0.9;

  #name = h("h2", { tabindex: -1 });
  #facts = h("p", { class: "muted small" });
  #jobs = h("p", { class: "row small" });
  #tokenizer = h("select", { class: "select", "aria-label": "Tokenizer" });
  #ratio = h("input", { type: "range", min: 0.5, max: 1, step: 0.01, class: "split-slider", "aria-label": "Share of the training text" });
  #split = h("span", { class: "small muted number" });
  #earlier = this.#button("Earlier", "left", () => this.emit("look", { at: Math.max(0, this.at - PART) }));
  #later = this.#button("Later", "right", () => this.emit("look", { at: this.#next }));
  #border = h("button", { type: "button", class: "button", on: { click: () => this.#goToBorder() } }, "Where validation begins");
  #place = h("span", { class: "small muted number", role: "status" });
  #text = h("div", { class: "preview-text", role: "group", "aria-label": "The text, token by token", tabindex: 0 });
  #loaded = "";
  /** @type {TokenPartRecord | null} */
  #part = null;
  #next = 0;
  #drawn = "";
  #isGoal = false;

  build() {
    this.className = "panel panel-body stack";
    this.setAttribute("role", "region");
    this.append(
      h("div", { class: "row preview-head" }, this.#name, h("button", { type: "button", class: "button quiet icon row-end", "aria-label": "Close the preview", on: { click: () => this.emit("close") } }, icon("close"))),
      this.#facts,
      this.#jobs,
      toolbar("How it is looked at", this.#tokenizer, h("label", { class: "row small" }, "Trained on", this.#ratio), this.#split, this.#border),
      this.#text,
      h("div", { class: "row" }, this.#earlier, this.#later, this.#place),
    );
    this.#tokenizer.addEventListener("change", () => this.emit("look", { tokenizer: this.#tokenizer.value }));
    this.#ratio.addEventListener("input", () => {
      this.ratio = Number(this.#ratio.value);
      this.#draw();
    });
    this.#ratio.addEventListener("change", () => this.emit("look", { ratio: Number(this.#ratio.value) }));
  }

  render() {
    const dataset = this.record;
    if (dataset === null) return;
    this.setAttribute("aria-label", `Text of ${dataset.name}`);
    fill(this.#name, dataset.name);
    fill(this.#facts, factsOf(dataset));
    const links = jobLinksOf(dataset.id);
    this.#jobs.hidden = links.length === 0;
    fill(this.#jobs, h("span", { class: "muted" }, "Used by"), ...links);
    const own = this.tokenizers.filter(({ status }) => status === "ready").map(({ id, name }) => ({ value: id, label: name }));
    setChoices(this.#tokenizer, [{ value: "gpt2", label: "gpt2" }, { value: "bytes", label: "bytes" }, ...own], this.tokenizer);
    if (document.activeElement !== this.#ratio) this.#ratio.value = String(this.ratio);
    const wanted = JSON.stringify([dataset.id, this.tokenizer, this.at, isHere(dataset)]);
    if (wanted !== this.#loaded) this.#load(wanted, dataset);
    else this.#draw();
    if (this.#isGoal) this.#arrive();
  }

  /** Give it the focus once it shows what it is to show, which a text that has just been pasted is not at once. */
  goThere() {
    this.#isGoal = true;
    this.changed();
  }

  #arrive() {
    this.#isGoal = false;
    this.#name.focus({ preventScroll: true });
    this.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {string} wanted
   * @param {DatasetRecord} dataset
   */
  async #load(wanted, dataset) {
    this.#loaded = wanted;
    this.#part = null;
    this.#drawn = "";
    if (!isHere(dataset)) {
      fill(this.#text, emptyState("The text is not here yet", h("p", { class: "muted" }, "It is fetched when it is first used: by a job, an estimate or a tokenizer.")));
      fill(this.#place);
      this.#draw();
      return;
    }
    fill(this.#text, loadingState("Reading"));
    try {
      const part = await get(`datasets/${encodeURIComponent(dataset.id)}/tokens`, { query: { tokenizer: this.tokenizer, offset: this.at, limit: PART }, signal: this.signal });
      if (this.#loaded !== wanted) return;
      this.#part = part;
      this.#draw();
    } catch (error) {
      if (isAborted(error) || this.#loaded !== wanted) return;
      if (!(error instanceof RequestFailed)) throw error;
      const isLater = error instanceof Problem && error.status < 500;
      fill(this.#text, errorState(error, isLater ? undefined : () => ((this.#loaded = ""), this.changed())));
    }
  }

  #draw() {
    const dataset = this.record;
    const part = this.#part;
    fill(this.#split, `${Math.round(this.ratio * 100)} % of the text, ${Math.round((1 - this.ratio) * 100)} % to validate`);
    setDisabled(this.#border, this.ratio >= 1 || dataset === null || !isHere(dataset));
    setDisabled(this.#earlier, this.at === 0);
    setDisabled(this.#later, part === null || !part.has_more);
    if (dataset === null || part === null) return;
    this.#next = part.offset + [...part.text].length;
    const areDocuments = (dataset.documents ?? 0) > 1;
    const trained = this.ratio >= 1 ? part.tokens.length : trainTokens(part.tokens, part.offset, trainCharacters(part.characters, areDocuments, this.ratio), areDocuments);
    const drawn = `${this.#loaded} ${trained}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    fill(this.#text, tokenPart(part.tokens, trained));
    fill(this.#place, `characters ${integer(part.offset)} to ${integer(this.#next)} of ${integer(part.characters)} · ${counted(part.tokens.length, "token")}, ${decimal(bytesPerToken(part.tokens))} bytes each`);
  }

  #goToBorder() {
    const dataset = this.record;
    const characters = this.#part?.characters ?? dataset?.characters ?? 0;
    this.emit("look", { at: Math.max(0, trainCharacters(characters, false, this.ratio) - 500) });
  }

  /**
   * @param {string} label
   * @param {import("../../components/icon.js").IconName} name
   * @param {() => void} act
   */
  #button(label, name, act) {
    return h("button", { type: "button", class: "button", on: { click: act } }, icon(name), label);
  }
}
customElements.define("preview-panel", PreviewPanel);

/** @param {DatasetRecord} dataset */
function factsOf(dataset) {
  return [
    dataset.characters !== null && counted(dataset.characters, "character"),
    dataset.bytes !== null && bytes(dataset.bytes),
    dataset.documents !== null && dataset.documents > 0 && `${counted(dataset.documents, "document")}, the longest of ${counted(dataset.longest_document ?? 0, "character")}`,
    dataset.tokens !== null && `${counted(dataset.tokens, "GPT-2 token")}`,
    dataset.error,
  ]
    .filter(Boolean)
    .join(" · ");
}
