import { BarStrip } from "../../charts/bar_strip.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { integer } from "../../format/numbers.js";
import { lessonSection, live } from "./lesson_section.js";
import { parameterRows } from "./parameter_rows.js";

/** @import { EstimateRecord, JobRecord } from "../../types/records.d.ts" */

/** Part 2: the numbers that are learned, and where they are. */
export class ParametersSection extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {EstimateRecord | null} */
  estimate = null;

  #intro = h("p", {});
  #bar = make(BarStrip);
  #table = h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Parameters by part" });

  build() {
    this.append(lessonSection(2, "parameters", "The numbers that are learned", this.#intro, this.#bar, this.#table));
  }

  render() {
    const { job, estimate } = this;
    if (job === null || estimate === null) return;
    const { parameters } = estimate;
    const rows = parameterRows(parameters, job.spec.model);
    const largest = rows.toSorted((a, b) => b.value - a.value)[0];
    fill(
      this.#intro,
      "This GPT is ",
      live(integer(parameters.total)),
      ` numbers: ${parameters.blocks} transformer blocks between an embedding and a head. Before training they are drawn at random, and training is nothing but moving them. `,
      `Most are in the part “${largest?.part}”, `,
      live(`${(((largest?.value ?? 0) / parameters.total) * 100).toFixed(1)} %`),
      ". ",
      ...besideItsText(estimate),
    );
    this.#bar.parts = rows.map(({ part, value }) => ({ label: part, value }));
    fill(
      this.#table,
      h(
        "table",
        { class: "table lesson-table" },
        h("caption", { class: "unseen" }, "Parameters by part, and how many each has"),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Part"), h("th", { scope: "col" }, "What it is"), h("th", { scope: "col", class: "numeric" }, "Product"), h("th", { scope: "col", class: "numeric" }, "Parameters"))),
        h(
          "tbody",
          {},
          rows.map(({ part, formula, value, meaning }) => h("tr", {}, h("th", { scope: "row" }, part), h("td", {}, meaning), h("td", { class: "numeric" }, formula), h("td", { class: "numeric" }, integer(value)))),
        ),
        h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "Together"), h("td", {}, ""), h("td", {}, ""), h("td", { class: "numeric" }, integer(parameters.total)))),
      ),
    );
  }
}
customElements.define("parameters-section", ParametersSection);

/**
 * @param {EstimateRecord} estimate
 * @returns {(Node | string)[]}
 */
function besideItsText({ parameters, tokens, unknown }) {
  if (tokens === null) return [`How many tokens its text has is not known: ${unknown.tokens}.`];
  const share = parameters.total / tokens.train;
  return ["The text that it reads has ", live(integer(tokens.train)), " tokens: ", share > 1 ? `${integer(share)} parameters for each, which is room enough to learn it by heart.` : "more than it has parameters."];
}
