import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { counted, decimal, integer, rate } from "../../format/numbers.js";
import { lessonSection, live } from "./lesson_section.js";

/** @import { EstimateRecord, JobRecord, LossRecord } from "../../types/records.d.ts" */

/** Part 4: the loop, with this job's numbers in it. */
export class LoopSection extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {EstimateRecord | null} */
  estimate = null;
  /** @type {readonly LossRecord[]} */
  losses = [];

  #flow = h("ol", { class: "flow", role: "list" });
  #code = h("div", { class: "loop-code", tabindex: 0, role: "region", "aria-label": "The training loop, with this job’s numbers" });
  #now = h("p", {});

  build() {
    this.append(lessonSection(4, "loop", "The loop", this.#flow, this.#code, this.#now));
  }

  render() {
    const { job, estimate } = this;
    if (job === null) return;
    const { training, evaluation, model } = job.spec;
    const last = this.losses.at(-1);
    fill(this.#flow, ...(estimate === null ? [] : flow(job, estimate)).map(([number, text]) => h("li", {}, h("span", { class: "flow-number" }, number), h("span", { class: "small muted" }, text))));
    const batch = `${counted(training.batch_size, "window")} × ${integer(model.context_length)} tokens`;
    fill(
      this.#code,
      line(`for epoch in range(${training.num_epochs}):`, `${counted(training.num_epochs, "pass", "passes")} over the training text, each in another order`),
      line("    for inputs, targets in batches:", estimate?.steps_per_epoch == null ? batch : `${counted(estimate.steps_per_epoch, "step")} an epoch, ${batch} a batch`),
      line("        logits = model(inputs)", estimate === null ? "" : `${integer(estimate.parameters.token_embedding / model.emb_dim)} numbers for each token: one for each possible next token`),
      line("        loss = cross_entropy(logits, targets)", last === undefined ? "the mean of part 3" : `training loss ${decimal(last.train_loss)} at step ${integer(last.step)}`),
      line("        optimizer.zero_grad()", "what the step before has found is forgotten"),
      line("        loss.backward()", estimate === null ? "" : `a slope for each of ${integer(estimate.parameters.total)} parameters`),
      line("        optimizer.step()", `${job.spec.training.optimizer}: against the slope, learning rate ${rate(last?.learning_rate ?? training.learning_rate)}`),
      line(`        if step % ${evaluation.eval_freq} == 0:`, evaluation.eval_freq === 1 ? "after every step" : `after every ${integer(evaluation.eval_freq)} steps`),
      line("            evaluate()", evaluation.eval_iter === null ? "both losses, over all batches" : `both losses, over ${counted(evaluation.eval_iter, "batch", "batches")} of each part, without learning`),
    );
    const { epoch, step, total_steps: total, tokens_seen: seen } = job.progress;
    fill(
      this.#now,
      job.status === "running" ? "Now: step " : "It stands at step ",
      live(integer(step)),
      total === null ? "" : ` of ${integer(total)}`,
      ", epoch ",
      live(integer(epoch)),
      ". It has read ",
      live(integer(seen)),
      " tokens",
      estimate?.tokens == null ? "." : `: each token of its text about ${(seen / estimate.tokens.epoch).toFixed(1)} times.`,
    );
  }
}
customElements.define("loop-section", LoopSection);

/**
 * From the text to the number of steps.
 * @param {JobRecord} job
 * @param {EstimateRecord} estimate
 * @returns {[number: string, text: string][]}
 */
function flow(job, { tokens, windows, steps_per_epoch: perEpoch, steps, epochs }) {
  const { batch_size: batch, grad_accumulation: accumulated } = job.spec.training;
  if (tokens === null || windows === null || perEpoch === null || steps === null || epochs === null) return [];
  return [
    [integer(tokens.train), "tokens to train on"],
    [integer(windows), `windows of ${integer(job.spec.model.context_length)} tokens`],
    [integer(Math.floor(windows / batch)), `batches of ${counted(batch, "window")}`],
    [integer(perEpoch), accumulated === 1 ? "steps an epoch, one for each batch" : `steps an epoch, one for ${accumulated} batches`],
    [integer(steps), `steps in ${counted(epochs, "epoch")}`],
  ];
}

/**
 * @param {string} code
 * @param {string} comment
 */
function line(code, comment) {
  return h("div", { class: "loop-line" }, h("code", {}, code), comment && h("span", { class: "loop-comment" }, comment));
}
