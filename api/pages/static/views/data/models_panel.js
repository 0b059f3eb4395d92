import { emptyState, errorState, loadingState } from "../../components/states.js";
import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { bytes, compact, percent } from "../../format/numbers.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { session } from "../../page/services.js";
import { removeAfterAsking } from "./remove_dialog.js";
import { Uploads } from "./uploads.js";

/** @import { ImportedModelRecord } from "../../types/records.d.ts" */
/** @import { Listing } from "../../records/listing.js" */

/** Models from outside: brought in, asked, started from, taken away. Events: `reload`. */
export class ModelsPanel extends Component {
  /** @type {Listing<ImportedModelRecord> | null} */
  listing = null;

  #uploads = make(Uploads, {
    path: "models",
    label: "Choose the files of a model",
    accept: ".safetensors,.json",
    isOne: true,
    hint: "All of one model together: model.safetensors (or its shards with their index), config.json, and tokenizer.json if there is one, in GPT-2's published layout.",
  });
  #list = h("ul", { role: "list", class: "tokenizer-list", "aria-label": "Models from outside" });
  #instead = h("div", {});
  #listed = "";

  build() {
    this.className = "stack data-panel";
    this.append(this.#uploads, this.#instead, this.#list);
    this.#uploads.addEventListener("sent", () => this.emit("reload"));
  }

  render() {
    const { listing } = this;
    if (listing === null) return;
    this.#uploads.hidden = !session.may("write");
    const { items, state, error } = listing;
    if (items.length > 0) fill(this.#instead);
    else if (state === "loading") fill(this.#instead, loadingState("Loading models"));
    else if (state === "failed") fill(this.#instead, errorState(error, () => this.emit("reload")));
    else fill(this.#instead, emptyState("No model from outside yet", h("p", { class: "muted" }, "One in GPT-2's layout can be asked in the playground, and jobs can start from its weights.")));
    const listed = JSON.stringify(items);
    if (listed === this.#listed) return;
    this.#listed = listed;
    fill(this.#list, ...items.map((model) => this.#card(model)));
  }

  /** @param {ImportedModelRecord} model */
  #card(model) {
    const { id, name, status, fraction, error, parameters, bytes: size, tokenizer } = model;
    const facts = [parameters !== null && `${compact(parameters)} parameters`, bytes(size), tokenizer].filter(Boolean).join(" · ");
    return h(
      "li",
      { class: "panel panel-body stack tokenizer" },
      h("div", { class: "row" }, h("h3", {}, name ?? id), h("span", { class: "tag" }, h("span", {}, status === "preparing" ? `being checked, ${percent(fraction)}` : status))),
      h("p", { class: "small muted" }, facts),
      error !== null && h("p", { class: "field-error" }, error),
      h(
        "div",
        { class: "row" },
        status === "ready" && isPlace("/playground") && h("a", { class: "button", href: hrefOf("/playground", { model: id }) }, icon("ask"), "Ask it"),
        session.may("write") && h("button", { type: "button", class: "button quiet", "aria-label": `Delete ${name ?? id}`, on: { click: () => this.#remove(model) } }, icon("delete"), "Delete"),
      ),
    );
  }

  /** @param {ImportedModelRecord} model */
  async #remove(model) {
    if (await removeAfterAsking("models", model, "Jobs that start from it and have not begun need it: then the service refuses.")) this.emit("reload");
  }
}
customElements.define("models-panel", ModelsPanel);
