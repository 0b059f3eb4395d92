import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { sectionText, sectionTitle } from "./labels.js";
import { valueAt } from "./spec_draft.js";
import { SpecFieldRow } from "./spec_field.js";

/** @import { FormSources } from "./form_sources.js" */
/** @import { Draft } from "./spec_draft.js" */
/** @import { Section } from "./spec_fields.js" */

/** Tokenizers that every service has: they are in no list of it. */
const BUILT_IN = [
  { value: "gpt2", label: "GPT-2’s, 50,257 tokens" },
  { value: "bytes", label: "Bytes, 257 tokens" },
];

/** A section of the spec, folded or not, with how many of its fields differ. Events: `value` ({path, value}). */
export class SpecSection extends Component {
  /** @type {Section} */
  section = { name: "", text: "", fields: [] };
  isOpen = false;
  /** @type {Draft | null} */
  draft = null;
  /** @type {Record<string, any>} Filled, as the service would. */
  filled = {};
  /** @type {Record<string, any>} Filled, of the preset alone. */
  base = {};
  /** @type {Set<string>} */
  changes = new Set();
  /** @type {Map<string, string>} By field. */
  errors = new Map();
  /** @type {FormSources | null} */
  sources = null;

  #count = h("span", { class: "section-count" });
  #fields = h("div", { class: "section-fields" });
  #details = h("details", { class: "panel spec-section" });

  /** @type {SpecFieldRow[]} */
  #rows = [];

  build() {
    const { name, fields } = this.section;
    this.#rows = fields.map((field) => {
      const row = make(SpecFieldRow, { field, options: this.#hasOptions(field.path) ? [] : null });
      if ((field.path === "dataset" || field.path === "tokenizer") && isPlace("/data")) {
        row.moreHref = hrefOf("/data");
        row.moreLabel = field.path === "dataset" ? "Upload a text of your own" : "Train a tokenizer of your own";
      }
      row.addEventListener("value", (event) => {
        event.stopPropagation();
        this.emit("value", { path: field.path, value: /** @type {CustomEvent} */ (event).detail.value });
      });
      return row;
    });
    this.#details.open = this.isOpen;
    fill(this.#fields, ...this.#rows);
    fill(
      this.#details,
      h("summary", { class: "section-head" }, h("h2", {}, sectionTitle(name)), h("span", { class: "section-text" }, sectionText(name)), this.#count),
      this.#fields,
    );
    this.append(this.#details);
  }

  render() {
    const { draft, sources } = this;
    if (draft === null) return;
    let wrong = 0;
    for (const row of this.#rows) {
      const { path } = row.field;
      const error = [...this.errors].find(([field]) => isWithin(field, path))?.[1] ?? null;
      if (error !== null) wrong += 1;
      row.value = path in draft.given ? draft.given[path] : valueAt(this.filled, path);
      row.presetValue = valueAt(this.base, path);
      row.isChanged = this.changes.has(path);
      row.error = error;
      if (sources !== null) {
        if (row.options !== null) row.options = path === "tokenizer" ? [...BUILT_IN, ...sources.tokenizers] : sources.datasets;
        row.sources = { jobs: sources.jobs, models: sources.models };
      }
      row.changed();
    }
    const changed = this.#rows.filter(({ isChanged }) => isChanged).length;
    fill(this.#count, wrong > 0 ? `${wrong} to mend` : changed > 0 ? `${changed} changed` : "");
    this.#count.classList.toggle("bad", wrong > 0);
  }

  /**
   * @param {string} path
   * @returns {boolean} whether the field is here
   */
  goTo(path) {
    const row = this.#rows.find(({ field }) => isWithin(path, field.path));
    if (row === undefined) return false;
    this.#details.open = true;
    row.scrollIntoView({ block: "center" });
    row.focusControl();
    return true;
  }

  /** @param {string} path */
  #hasOptions(path) {
    return ["dataset", "validation_dataset", "tokenizer"].includes(path);
  }
}
customElements.define("spec-section", SpecSection);

/**
 * @param {string} path  of what is wrong: `alerts.0.when`
 * @param {string} field
 */
function isWithin(path, field) {
  return path === field || path.startsWith(`${field}.`);
}
