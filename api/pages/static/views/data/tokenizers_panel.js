import { setChoices, stillChosen } from "../../components/choices.js";
import { setDisabled } from "../../components/disabled.js";
import { field } from "../../components/field.js";
import { icon } from "../../components/icon.js";
import { emptyState, errorState, loadingState } from "../../components/states.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { decimal, integer, percent } from "../../format/numbers.js";
import { Problem, RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { get, post, urlOf } from "../../http/request.js";
import { session } from "../../page/services.js";
import { removeAfterAsking } from "./remove_dialog.js";
import { bytesPerToken } from "./split.js";
import { tokenPart } from "./token_part.js";

/** @import { DatasetRecord, TokenPartRecord, TokenizerRecord } from "../../types/records.d.ts" */
/** @import { Listing } from "../../records/listing.js" */

/** Of a passage that all tokenizers cut, beside each other. */
const PASSAGE = 300;

/** Tokenizers of one's own: trained, compared, taken away. Events: `reload`. */
export class TokenizersPanel extends Component {
  /** @type {Listing<TokenizerRecord> | null} */
  listing = null;
  /** @type {readonly DatasetRecord[]} */
  datasets = [];
  /** Whether it can be seen: a passage is only asked for then. */
  isShown = false;

  #name = field("Name", h("input", { autocomplete: "off" }), { isRequired: true });
  #dataset = field("Trained on", h("select"));
  #size = field("Tokens, at most", h("input", { type: "number", min: 257, step: 1, value: "1000" }), { hint: "The 256 bytes and the end of a text among them; GPT-2 has 50,257." });
  #train = h("button", { class: "button primary" }, icon("add"), "Train it");
  #form = h("form", { class: "panel panel-body tokenizer-form", "aria-label": "Train a tokenizer", on: { submit: (event) => this.#submit(event) } }, this.#name.element, this.#dataset.element, this.#size.element, this.#train);
  #list = h("ul", { role: "list", class: "tokenizer-list", "aria-label": "Tokenizers" });
  #instead = h("div", {});
  #passageOf = h("select", { class: "select", "aria-label": "Passage of" });
  #passages = h("div", { class: "stack" });
  #compare = h("section", { class: "panel panel-body stack", "aria-label": "The same passage, cut by each" }, h("div", { class: "row" }, h("h2", {}, "The same passage, cut by each"), this.#passageOf), this.#passages);
  #listed = "";
  #compared = "";

  build() {
    this.className = "stack data-panel";
    this.append(this.#form, this.#instead, this.#list, this.#compare);
    this.#passageOf.addEventListener("change", () => this.changed());
  }

  render() {
    const { listing } = this;
    if (listing === null) return;
    this.#form.hidden = !session.may("write");
    const names = this.datasets.map(({ id, name }) => ({ value: id, label: name }));
    for (const select of [this.#dataset.control, this.#passageOf]) setChoices(select, names, stillChosen(select, names));
    const { items, state, error } = listing;
    if (items.length > 0) fill(this.#instead);
    else if (state === "loading") fill(this.#instead, loadingState("Loading tokenizers"));
    else if (state === "failed") fill(this.#instead, errorState(error, () => this.emit("reload")));
    else fill(this.#instead, emptyState("No tokenizer of your own yet", h("p", { class: "muted" }, "gpt2 and bytes are always there. One that is trained on your text needs fewer tokens for it.")));
    const listed = JSON.stringify(items);
    if (listed !== this.#listed) {
      this.#listed = listed;
      fill(this.#list, ...items.map((tokenizer) => this.#card(tokenizer)));
    }
    if (this.isShown) this.#compareOn(this.#passageOf.value);
  }

  /** @param {TokenizerRecord} tokenizer */
  #card(tokenizer) {
    const { id, name, status, fraction, error, vocab_size: size, bytes_per_token: own, gpt2_bytes_per_token: gpt2, dataset } = tokenizer;
    const text = this.datasets.find((each) => each.id === dataset)?.name ?? "a text that is deleted";
    const most = Math.max(own ?? 0, gpt2 ?? 0) || 1;
    const bar = (/** @type {string} */ label, /** @type {number | null} */ value) => h("div", { class: "bytes-bar" }, h("span", {}, label), h("span", { class: "bytes-track" }, h("span", { class: "bytes-fill", vars: { "--part": (value ?? 0) / most } })), h("span", { class: "number" }, decimal(value)));
    return h(
      "li",
      { class: "panel panel-body stack tokenizer" },
      h("div", { class: "row" }, h("h3", {}, name), h("span", { class: "tag" }, h("span", {}, status === "preparing" ? `training, ${percent(fraction)}` : status))),
      h("p", { class: "small muted" }, size === null ? `on ${text}` : `${integer(size)} tokens, on ${text}`),
      error !== null && h("p", { class: "field-error" }, error),
      status === "preparing" && h("progress", { max: 1, value: fraction, "aria-label": `Training of ${name}` }),
      own !== null && h("div", { class: "stack bytes-bars" }, h("p", { class: "small muted" }, "Bytes per token on its own text: more is shorter"), bar(name, own), bar("gpt2", gpt2)),
      h(
        "div",
        { class: "row" },
        status === "ready" && h("a", { class: "button", href: urlOf(`tokenizers/${encodeURIComponent(id)}/download`).href, download: "tokenizer.json" }, icon("download"), "tokenizer.json"),
        session.may("write") && h("button", { type: "button", class: "button quiet", "aria-label": `Delete ${name}`, on: { click: () => this.#remove(tokenizer) } }, icon("delete"), "Delete"),
      ),
    );
  }

  /** @param {TokenizerRecord} tokenizer */
  async #remove(tokenizer) {
    if (await removeAfterAsking("tokenizers", tokenizer, "Jobs that were trained with it need it: then the service refuses.")) this.emit("reload");
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    setDisabled(this.#train, true);
    const fields = { name: this.#name, dataset: this.#dataset, vocab_size: this.#size };
    try {
      await post("tokenizers", { json: { name: this.#name.control.value, dataset: this.#dataset.control.value, vocab_size: Number(this.#size.control.value) } });
      for (const { setError } of Object.values(fields)) setError(null);
      this.#name.control.value = "";
      this.emit("reload");
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      const byField = error instanceof Problem ? error.byField : new Map();
      for (const [name, { setError }] of Object.entries(fields)) setError(byField.get(name) ?? null);
      if (byField.size === 0) this.#dataset.setError(inWords(error));
    } finally {
      setDisabled(this.#train, false);
    }
  }

  /** @param {string} dataset */
  async #compareOn(dataset) {
    const own = (this.listing?.items ?? []).filter(({ status }) => status === "ready").map(({ id, name }) => ({ id, name }));
    const all = [{ id: "gpt2", name: "gpt2" }, { id: "bytes", name: "bytes" }, ...own];
    const wanted = JSON.stringify([dataset, all]);
    if (dataset === "" || wanted === this.#compared) return;
    this.#compared = wanted;
    const cuts = await Promise.all(all.map(({ id, name }) => cutBy(dataset, id, name, this.signal)));
    if (this.#compared === wanted) fill(this.#passages, ...cuts);
  }
}
customElements.define("tokenizers-panel", TokenizersPanel);

/**
 * @param {string} dataset
 * @param {string} tokenizer
 * @param {string} name
 * @param {AbortSignal} signal
 */
async function cutBy(dataset, tokenizer, name, signal) {
  try {
    /** @type {TokenPartRecord} */
    const { tokens } = await get(`datasets/${encodeURIComponent(dataset)}/tokens`, { query: { tokenizer, limit: PASSAGE }, signal });
    return h("div", { class: "cut-by" }, h("p", {}, h("strong", {}, name), h("span", { class: "muted small number" }, ` ${integer(tokens.length)} tokens, ${decimal(bytesPerToken(tokens))} bytes each`)), tokenPart(tokens));
  } catch (error) {
    if (isAborted(error)) return null;
    if (!(error instanceof RequestFailed)) throw error;
    return h("p", { class: "muted small" }, `${name}: ${inWords(error)}`);
  }
}
