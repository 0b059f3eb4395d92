import { setChoices } from "../../components/choices.js";
import { setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { counted, integer } from "../../format/numbers.js";
import { indexOfStep, promptsOf, sampleAt, stepsWithSamples } from "./samples_at.js";
import { swatch } from "./results.js";

/** @import { SampleRecord } from "../../types/records.d.ts" */
/** @import { Look } from "./looks.js" */

/** @typedef {{id: string, look: Look, samples: readonly SampleRecord[]}} Writer */

/** What each job wrote at the same step. Events: `step` (a number; null: the newest), `prompt` (an index). */
export class SamplesPanel extends Component {
  /** @type {readonly Writer[]} */
  writers = [];
  /** @type {number | null} */
  step = null;
  prompt = 0;

  #place = h("output", { class: "compare-step number" });
  #slider = h("input", { type: "range", class: "compare-slider", min: 0, "aria-label": "Step of the samples", on: { input: () => this.#go(Number(this.#slider.value)) } });
  #earlier = this.#arrow("Samples before", "left", -1);
  #later = this.#arrow("Next samples", "right", 1);
  #prompts = h("select", { class: "select compare-prompts", "aria-label": "Prompt", on: { change: () => this.emit("prompt", this.#prompts.selectedIndex) } });
  #texts = h("div", { class: "compare-texts" });
  #controls = h("div", { class: "row compare-samples-controls" }, this.#earlier, this.#slider, this.#later, this.#place);
  /** @type {number[]} */
  #steps = [];
  #shown = "";

  build() {
    this.className = "panel panel-body stack";
    this.append(h("div", { class: "row" }, h("h2", { class: "compare-heading" }, "Samples"), this.#prompts, this.#controls), this.#texts);
  }

  render() {
    const all = this.writers.map(({ samples }) => samples);
    this.#steps = stepsWithSamples(all);
    const at = indexOfStep(this.#steps, this.step);
    const step = this.#steps[at];
    const prompts = promptsOf(all);
    const prompt = prompts[this.prompt] ?? prompts[0] ?? "";
    this.#controls.hidden = step === undefined;
    this.#slider.max = String(Math.max(this.#steps.length - 1, 0));
    this.#slider.value = String(at);
    this.#slider.setAttribute("aria-valuetext", step === undefined ? "none" : `step ${integer(step)}`);
    fill(this.#place, step === undefined ? "" : `Step ${integer(step)}`);
    setDisabled(this.#earlier, at <= 0);
    setDisabled(this.#later, at >= this.#steps.length - 1);
    this.#renderPrompts(prompts, prompt);
    const state = JSON.stringify([this.writers.map(({ id, look, samples }) => [id, look, step === undefined ? null : sampleAt(samples, step, prompt)]), step]);
    if (state === this.#shown) return;
    this.#shown = state;
    if (step === undefined) fill(this.#texts, h("p", { class: "muted" }, "None of the jobs has written a sample yet."));
    else fill(this.#texts, ...this.writers.map((writer) => card(writer, step, prompt)));
  }

  /**
   * @param {string[]} prompts
   * @param {string} prompt
   */
  #renderPrompts(prompts, prompt) {
    this.#prompts.hidden = prompts.length < 2;
    setChoices(this.#prompts, prompts.map((value) => ({ value, label: value || "(empty)" })), prompt);
  }

  /** @param {number} index */
  #go(index) {
    const step = this.#steps[index];
    if (step !== undefined) this.emit("step", index === this.#steps.length - 1 ? null : step);
  }

  /**
   * @param {string} label
   * @param {"left" | "right"} name
   * @param {1 | -1} direction
   */
  #arrow(label, name, direction) {
    const go = () => this.#go(indexOfStep(this.#steps, this.step) + direction);
    return h("button", { type: "button", class: "button quiet icon", "aria-label": label, title: label, on: { click: go } }, icon(name));
  }
}
customElements.define("samples-panel", SamplesPanel);

/**
 * @param {Writer} writer
 * @param {number} step
 * @param {string} prompt
 */
function card({ id, look, samples }, step, prompt) {
  const sample = sampleAt(samples, step, prompt);
  return h(
    "article",
    { class: "compare-text", data: { key: id } },
    h("header", { class: "compare-name" }, swatch(look), h("h3", {}, look.label), sample !== null && sample.step !== step && h("span", { class: "muted small" }, distance(sample.step, step))),
    sample === null
      ? h("p", { class: "muted" }, "It was not asked to continue this.")
      : h("p", { class: "compare-written" }, h("span", { class: "muted" }, sample.prompt), sample.text.startsWith(sample.prompt) ? sample.text.slice(sample.prompt.length) : sample.text),
  );
}

/**
 * @param {number} its
 * @param {number} step
 */
function distance(its, step) {
  return `its step ${integer(its)}, ${counted(Math.abs(its - step), "step")} ${its < step ? "before" : "later"}`;
}
