import { BarStrip } from "../../charts/bar_strip.js";
import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { bytes, compact, counted, integer } from "../../format/numbers.js";
import { Problem, inWords } from "../../http/problem.js";
import { facts, memoryParts, parameterParts } from "./estimate_words.js";
import { fieldLabel } from "./labels.js";

/** @import { EstimateRecord } from "../../types/records.d.ts" */

/**
 * What the job would take, and whether it may. Events: `field` (the path of one that somebody wants to mend),
 * `verdict` (its `tone` and `title`, whenever it is another).
 */
export class EstimatePanel extends Component {
  /** @type {EstimateRecord | null} The last one that there was. */
  estimate = null;
  /** @type {unknown} Why there is no newer one. */
  error = null;
  isWaiting = false;

  #verdict = h("div", { class: "estimate-verdict", role: "status" });
  #size = h("div", { class: "estimate-size" });
  #parameters = make(BarStrip);
  #facts = h("dl", { class: "estimate-facts" });
  #memory = make(BarStrip, { text: bytes });
  #memoryBox = h("details", { class: "estimate-memory" }, h("summary", {}, "Memory by part"), this.#memory);
  #body = h("div", { class: "stack estimate-body" }, h("div", { class: "stack" }, this.#size, this.#parameters), this.#facts, this.#memoryBox);
  #shown = "";

  build() {
    this.append(this.#verdict, this.#body);
  }

  render() {
    const { estimate } = this;
    this.classList.toggle("waiting", this.isWaiting);
    this.#body.hidden = estimate === null;
    const state = JSON.stringify([estimate?.fits, estimate?.reasons, this.error === null ? null : inWords(this.error), estimate === null && this.isWaiting]);
    if (state !== this.#shown) {
      this.#shown = state;
      this.#showVerdict();
    }
    if (estimate === null) return;
    fill(this.#size, h("span", { class: "estimate-number" }, compact(estimate.parameters.total)), h("span", { class: "muted", title: integer(estimate.parameters.total) }, `parameters: ${integer(estimate.parameters.total)}`));
    this.#parameters.parts = parameterParts(estimate.parameters);
    this.#memory.parts = memoryParts(estimate);
    fill(this.#facts, ...facts(estimate).map(({ label, value, note }) => h("div", {}, h("dt", {}, label), h("dd", {}, h("span", { class: "estimate-value" }, value), note && h("span", { class: "estimate-note" }, note)))));
  }

  #showVerdict() {
    const { estimate, error } = this;
    if (error instanceof Problem && error.errors.length > 0) {
      this.#say("bad", `${counted(error.errors.length, "field")} to mend`, error.errors);
    } else if (error !== null) {
      this.#say("bad", inWords(error), []);
    } else if (estimate === null) {
      this.#say("quiet", "Estimating …", []);
    } else if (estimate.fits) {
      this.#say("good", "Fits here: yes", []);
    } else {
      this.#say("bad", "Fits here: no", estimate.reasons);
    }
  }

  /**
   * @param {"good" | "bad" | "quiet"} tone
   * @param {string} title
   * @param {readonly {field: string, message: string}[]} reasons
   */
  #say(tone, title, reasons) {
    this.#verdict.dataset.tone = tone;
    this.emit("verdict", { tone, title });
    fill(
      this.#verdict,
      h("p", { class: "estimate-title" }, tone !== "quiet" && icon(tone === "good" ? "check" : "warning"), title),
      reasons.length > 0 &&
        h(
          "ul",
          {},
          ...reasons.map(({ field, message }) =>
            h("li", {}, field && h("button", { type: "button", class: "link", on: { click: () => this.emit("field", field) } }, fieldLabel(field)), field && ": ", message),
          ),
        ),
    );
  }
}
customElements.define("estimate-panel", EstimatePanel);
