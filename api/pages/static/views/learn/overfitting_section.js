import { AXES } from "../../charts/axes.js";
import { LineChart } from "../../charts/line_chart.js";
import { overfitting, overfittingInWords } from "../../charts/overfitting.js";
import { CopiedText } from "../../components/copied_text.js";
import { seriesOf } from "../../curves/curve_series.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { decimal, integer } from "../../format/numbers.js";
import { hrefOf } from "../../page/location.js";
import { CopiedSpans } from "../../records/copied_spans.js";
import { trainingText } from "../../records/training_text.js";
import { lessonSection } from "./lesson_section.js";

/** @import { JobRecord, LossRecord, SampleRecord } from "../../types/records.d.ts" */

/** Part 5: why the validation loss rises, on the job's own curve and its own words. */
export class OverfittingSection extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {readonly LossRecord[]} */
  losses = [];
  /** @type {readonly SampleRecord[]} */
  samples = [];

  #words = h("p", {});
  #chart = make(LineChart, { heading: "Loss", emptyText: "The first evaluation is drawn here." }, { class: "lesson-chart" });
  #heading = h("h3", { class: "lesson-subtitle" }, "What it writes");
  #sample = make(CopiedText);
  #more = h("p", { class: "small" });
  /** @type {CopiedSpans | null} */
  #copied = null;
  #copiedOf = "";

  build() {
    this.append(lessonSection(5, "overfitting", "Why the validation loss rises", this.#words, this.#chart, h("div", { class: "stack" }, this.#heading, this.#sample, this.#more)));
    this.#chart.xAxis = AXES.step;
  }

  render() {
    const { job, losses } = this;
    if (job === null) return;
    if (this.#copiedOf !== job.id) {
      this.#copiedOf = job.id;
      this.#copied = new CopiedSpans(job.id);
      this.#copied.addEventListener("change", () => this.changed(), { signal: this.signal });
    }
    const steps = losses.map(({ step }) => step);
    this.#chart.series = [
      seriesOf("train", "Training", 1, steps, losses.map((row) => row.train_loss)),
      { ...seriesOf("validation", "Validation", 2, steps, losses.map((row) => row.val_loss)), isDashed: true },
    ];
    const found = overfitting(losses);
    this.#chart.marks = found === null ? [] : [{ x: found.best.step, kind: "overfitting", label: "over-fitting begins" }];
    fill(this.#words, "The training loss is measured on text that the model learns from, the validation loss on text that it never does. ", found === null ? notYet(losses) : overfittingInWords(found));
    const sample = this.samples.at(-1) ?? null;
    this.#heading.hidden = this.#sample.hidden = sample === null;
    if (sample !== null) {
      this.#sample.sample = sample;
      this.#sample.copied = this.#copied?.of(sample, this.signal) ?? null;
      this.#sample.read = trainingText(job.spec.dataset);
      this.#sample.changed();
    }
    fill(
      this.#more,
      sample === null ? "" : `Written after step ${integer(sample.step)}. What is marked stands word for word in its training text: that is what a training loss near 0 means. `,
      h("a", { href: hrefOf(`/jobs/${job.id}`) }, "All its curves and samples"),
    );
  }
}
customElements.define("overfitting-section", OverfittingSection);

/** @param {readonly LossRecord[]} losses */
function notYet(losses) {
  const last = losses.at(-1);
  if (last === undefined) return "There is no evaluation yet.";
  if (last.val_loss === null || last.train_loss === null) return "";
  const gap = last.val_loss - last.train_loss;
  return `In this job both still fall, or have stopped falling without the second one rising: at step ${integer(last.step)} they are ${decimal(last.train_loss)} and ${decimal(last.val_loss)}, ${gap > 0 ? `${decimal(gap)} nats apart` : "not yet apart"}. Train for more epochs, and the gap grows until the validation loss turns upwards.`;
}
