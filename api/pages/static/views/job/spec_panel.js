import { copyText } from "../../components/clipboard.js";
import { fieldName } from "../../components/field_name.js";
import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { counted } from "../../format/numbers.js";
import { valueInWords } from "../../format/spec_values.js";
import { RequestFailed, isAborted } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { specRows } from "./spec_rows.js";

/** @import { JobRecord } from "../../types/records.d.ts" */
/** @import { SpecRow } from "./spec_rows.js" */

/** The spec: what differs from its preset first, then all of it. */
export class SpecPanel extends Component {
  /** @type {JobRecord | null} */
  job = null;
  isShown = false;

  #differences = h("div");
  #all = h("div");
  #copy = h("button", { type: "button", class: "button", on: { click: () => copyText(JSON.stringify(this.job?.spec, null, 2), "The spec") } }, icon("copy"), "Copy as JSON");
  /** @type {Record<string, any> | null} */
  #preset = null;
  #isAsked = false;
  #shown = "";

  build() {
    this.className = "panel-body stack";
    this.append(h("div", { class: "row" }, h("h3", {}, "What differs from the preset"), h("div", { class: "row-end" }, this.#copy)), this.#differences, h("h3", {}, "The whole spec"), this.#all);
  }

  render() {
    const { job } = this;
    if (job === null || !this.isShown) return;
    this.#askForPreset(job);
    const state = JSON.stringify([job.spec, this.#preset]);
    if (state === this.#shown) return;
    this.#shown = state;
    const rows = specRows(job.spec, this.#preset);
    const different = rows.filter(({ differs }) => differs);
    if (this.#preset === null) fill(this.#differences, h("p", { class: "muted" }, `It began as the preset ${job.spec.preset}.`));
    else if (different.length === 0) fill(this.#differences, h("p", { class: "muted" }, `Nothing: it is the preset ${job.spec.preset}.`));
    else fill(this.#differences, table(different, `${counted(different.length, "field")} that differ from the preset ${job.spec.preset}`, job.spec.preset));
    fill(this.#all, table(rows.toSorted((a, b) => order(a.field, job.spec) - order(b.field, job.spec)), "All fields", null));
  }

  /**
   * What the preset alone is filled in to, as the service says.
   * @param {JobRecord} job
   */
  async #askForPreset(job) {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const { preset, dataset, tokenizer } = job.spec;
    try {
      const { spec } = await post("jobs/estimate", { json: { preset, dataset, tokenizer }, signal: this.signal });
      this.#preset = spec;
      this.changed();
    } catch (error) {
      this.#isAsked = !isAborted(error);
      // Its tokenizer may be deleted by now: the spec is shown without the comparison.
      if (!isAborted(error) && !(error instanceof RequestFailed)) throw error;
    }
  }
}
customElements.define("spec-panel", SpecPanel);

/**
 * @param {SpecRow[]} rows
 * @param {string} caption
 * @param {string | null} preset  its name, if what it has is shown beside
 */
function table(rows, caption, preset) {
  const head = preset === null ? [] : [h("thead", {}, h("tr", {}, ["Field", "This job", `Preset ${preset}`].map((label) => h("th", { scope: "col" }, label))))];
  return h(
    "div",
    { class: "table-scroll" },
    h(
      "table",
      { class: "table spec-table" },
      h("caption", { class: "unseen" }, caption),
      ...head,
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, fieldName(row.field)),
            h("td", {}, valueInWords(row.value)),
            preset !== null && h("td", { class: "muted" }, valueInWords(row.preset ?? null)),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {string} field
 * @param {Record<string, any>} spec
 */
function order(field, spec) {
  const [section = "", name = ""] = field.split(".");
  const names = Object.keys(spec);
  const within = name === "" ? 0 : Object.keys(spec[section] ?? {}).indexOf(name);
  return names.indexOf(section) * 1000 + within;
}
