import { setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { CopiedText } from "../../components/copied_text.js";
import { tooltip } from "../../components/tooltip.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { NOTHING, counted, decimal, integer, rate } from "../../format/numbers.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { trainingText } from "../../records/training_text.js";
import { momentAt, neighbouringSample } from "./moment.js";

/** @import { CopiedSpans } from "../../records/copied_spans.js" */
/** @import { JobHistory } from "../../records/job_history.js" */
/** @import { Moment } from "./moment.js" */
/** @import { CheckpointRecord, LossRecord, SampleRecord } from "../../types/records.d.ts" */

/**
 * What there is of the job at the cursor's step: losses, the nearest sample with what it has copied, the checkpoint to
 * ask.
 *
 * Events: `pin` (a step, or null for the newest), `prompt` (the index of the prompt whose samples are shown).
 */
export class MomentPanel extends Component {
  jobId = "";
  /** @type {JobHistory | null} */
  history = null;
  /** @type {CopiedSpans | null} */
  copied = null;
  /** @type {number | null} null: the newest */
  step = null;
  prompt = 0;
  /** Whether nothing more will come. */
  isOver = false;
  /** @type {string | null} */
  datasetId = null;

  #heading = h("h2", { class: "moment-step" });
  #place = h("p", { class: "muted small number" });
  #newest = h("button", { type: "button", class: "button quiet moment-newest", on: { click: () => this.emit("pin", null) } }, "Newest");
  #earlier = this.#arrow("Evaluation before", "left", () => this.#goAlong(-1));
  #later = this.#arrow("Next evaluation", "right", () => this.#goAlong(1));
  #losses = h("dl", { class: "moment-values" });
  #sampleHeading = h("h3", {});
  #sampleDistance = h("p", { class: "muted small" });
  #sampleEarlier = this.#arrow("Sample before", "left", () => this.#goToSample(-1));
  #sampleLater = this.#arrow("Next sample", "right", () => this.#goToSample(1));
  #prompts = h("div", { role: "tablist", class: "moment-prompts", "aria-label": "Prompts" });
  #text = new CopiedText();
  #sample = h(
    "section",
    { class: "moment-sample", "aria-label": "Sample" },
    h("div", { class: "moment-head" }, h("div", {}, this.#sampleHeading, this.#sampleDistance), this.#sampleEarlier, this.#sampleLater),
    this.#prompts,
    this.#text,
  );
  #checkpoint = h("section", { class: "moment-checkpoint", "aria-label": "Checkpoint", hidden: true });
  #told = h("p", { class: "unseen", "aria-live": "polite" });
  #empty = h("p", { class: "muted moment-empty" });
  #body = h("div", { class: "stack" }, this.#losses, this.#sample, this.#checkpoint);

  /** @type {LossRecord | null} */
  #shownRow = null;
  /** @type {CheckpointRecord | null} */
  #shownCheckpoint = null;
  #isExact = false;
  #shownPrompts = "";
  /** @type {"losses" | "sample" | null} What somebody went to, to be read out once it is shown. A job that goes on reads out nothing. */
  #wentTo = null;

  build() {
    this.className = "panel panel-body stack";
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "At the cursor");
    this.append(
      h("div", { class: "moment-head" }, h("div", {}, this.#heading, this.#place), meanings(), this.#newest, this.#earlier, this.#later),
      this.#body,
      this.#empty,
      this.#told,
    );
    this.addEventListener("keydown", (event) => this.#onKey(event));
  }

  render() {
    const { history } = this;
    const moment = history === null ? null : momentAt(this.step, history);
    this.#body.hidden = this.#earlier.hidden = this.#later.hidden = moment === null;
    this.#empty.hidden = moment !== null;
    this.#newest.hidden = moment === null || this.step === null;
    if (history === null || moment === null) {
      fill(this.#heading, this.isOver ? "Nothing was measured" : "Nothing measured yet");
      fill(this.#empty, this.isOver ? "The job ended before its first evaluation." : "Losses, samples and checkpoints at the cursor's step are shown here once the job has them.");
      fill(this.#place);
      return;
    }
    const { row } = moment;
    fill(this.#heading, `Step ${integer(row.step)}`);
    fill(this.#place, `epoch ${row.epoch} · ${integer(row.tokens_seen)} tokens seen${this.step === null ? " · the newest" : ""}`);
    setDisabled(this.#earlier, history.losses[0] === row);
    setDisabled(this.#later, moment.isNewest);
    // Only where they are others: what is marked stays marked.
    if (row !== this.#shownRow) this.#renderLosses(moment);
    this.#shownRow = row;
    this.#renderSample(moment);
    if (moment.checkpoint !== this.#shownCheckpoint || this.#isExact !== moment.isCheckpointExact) this.#renderCheckpoint(moment);
    this.#shownCheckpoint = moment.checkpoint;
    this.#isExact = moment.isCheckpointExact;
    this.#tell(moment);
  }

  /** @param {Moment} moment */
  #tell({ row }) {
    if (this.#wentTo === "losses") fill(this.#told, `Step ${integer(row.step)}, training loss ${decimal(row.train_loss)}, validation loss ${decimal(row.val_loss)}`);
    if (this.#wentTo === "sample") fill(this.#told, `${this.#sampleHeading.textContent}: ${this.#text.sample?.text ?? ""}`);
    this.#wentTo = null;
  }

  /** @param {Moment} moment */
  #renderLosses({ row }) {
    fill(
      this.#losses,
      value("Training loss", decimal(row.train_loss), "is-train"),
      value("Validation loss", decimal(row.val_loss), "is-validation"),
      value("Perplexity", row.val_loss === null ? NOTHING : perplexity(row.val_loss), "", "exp(validation loss): among so many tokens it hesitates"),
      row.val_bpb !== null && value("Bits per byte", decimal(row.val_bpb), "", "The validation loss, comparable between tokenizers"),
      value("Learning rate", rate(row.learning_rate)),
      row.grad_norm !== null && value("Gradient norm", decimal(row.grad_norm)),
    );
  }

  /** @param {Moment} moment */
  #renderSample({ row, samples }) {
    const all = this.history?.samples ?? [];
    const sample = samples.find(({ index }) => index === this.prompt) ?? samples[0];
    this.#sample.hidden = sample === undefined;
    if (sample === undefined) return;
    const distance = sample.step - row.step;
    const where = distance === 0 ? "" : `${counted(Math.abs(distance), "step")} ${distance > 0 ? "later" : "before"}, the nearest`;
    fill(this.#sampleHeading, `Sample of step ${integer(sample.step)}`);
    fill(this.#sampleDistance, where);
    setDisabled(this.#sampleEarlier, neighbouringSample(all, sample.step, -1) === null);
    setDisabled(this.#sampleLater, neighbouringSample(all, sample.step, 1) === null);
    this.#renderPrompts(samples, sample.index);
    this.#text.sample = sample;
    this.#text.copied = this.copied?.of(sample, this.signal) ?? null;
    this.#text.read = this.datasetId === null ? null : trainingText(this.datasetId);
    this.#text.changed();
  }

  /**
   * @param {SampleRecord[]} samples
   * @param {number} chosen  index
   */
  #renderPrompts(samples, chosen) {
    this.#prompts.hidden = samples.length < 2;
    const state = JSON.stringify([chosen, samples.map(({ index, prompt }) => [index, prompt])]);
    if (state === this.#shownPrompts) return;
    this.#shownPrompts = state;
    const focused = this.#prompts.contains(document.activeElement);
    fill(
      this.#prompts,
      ...samples.map(({ index, prompt }) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            class: "chip",
            "aria-selected": String(index === chosen),
            tabindex: index === chosen ? 0 : -1,
            title: prompt,
            on: { click: () => this.emit("prompt", index) },
          },
          h("span", { class: "moment-prompt" }, prompt || "(empty)"),
        ),
      ),
    );
    if (focused) /** @type {HTMLElement | null} */ (this.#prompts.querySelector('[aria-selected="true"]'))?.focus();
  }

  /** @param {Moment} moment */
  #renderCheckpoint({ checkpoint, isCheckpointExact }) {
    this.#checkpoint.hidden = checkpoint === null;
    if (checkpoint === null) return;
    const { step } = checkpoint;
    const title = isCheckpointExact
      ? `Written right after this evaluation: ${integer(step)} updates were done`
      : `The nearest that is kept: ${integer(step)} updates were done`;
    fill(
      this.#checkpoint,
      h("div", {}, h("h3", {}, `Checkpoint ${integer(step)}`), h("p", { class: "muted small" }, isCheckpointExact ? "of this step" : `the nearest; validation loss ${decimal(checkpoint.val_loss)}`)),
      isPlace("/playground") &&
        h("a", { class: "button", title, href: hrefOf("/playground", { job: this.jobId, checkpoint: step }) }, icon("ask"), "Ask it"),
    );
  }

  /**
   * @param {string} label
   * @param {import("../../components/icon.js").IconName} name
   * @param {() => void} act
   */
  #arrow(label, name, act) {
    return h("button", { type: "button", class: "button quiet icon", "aria-label": label, title: label, on: { click: act } }, icon(name));
  }

  /** @param {1 | -1} direction */
  #goAlong(direction) {
    const losses = this.history?.losses ?? [];
    const moment = momentAt(this.step, this.history ?? { losses: [], samples: [], checkpoints: [] });
    const next = moment === null ? undefined : losses[losses.indexOf(moment.row) + direction];
    if (next === undefined) return;
    this.#wentTo = "losses";
    this.emit("pin", next.step);
  }

  /** @param {1 | -1} direction */
  #goToSample(direction) {
    const { history } = this;
    const shown = history === null ? undefined : momentAt(this.step, history)?.samples[0];
    if (history === null || shown === undefined) return;
    const step = neighbouringSample(history.samples, shown.step, direction);
    if (step === null) return;
    this.#wentTo = "sample";
    this.emit("pin", step);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : null;
    const up = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : null;
    if (this.#prompts.contains(/** @type {Node} */ (event.target)) && direction !== null) {
      const tabs = [...this.#prompts.children];
      const at = tabs.findIndex((tab) => tab === event.target);
      /** @type {HTMLElement | undefined} */ (tabs[(at + direction + tabs.length) % tabs.length])?.click();
    } else if (direction !== null) {
      if (this.#sample.contains(/** @type {Node} */ (event.target))) this.#goToSample(direction);
      else this.#goAlong(direction);
    } else if (up !== null && event.target instanceof HTMLButtonElement) {
      this.#goToSample(up);
    } else if (event.key === "Escape" && this.step !== null) {
      this.emit("pin", null);
    } else return;
    event.preventDefault();
  }
}
customElements.define("moment-panel", MomentPanel);

/** @param {number} loss  in nats per token */
function perplexity(loss) {
  const tokens = Math.exp(loss);
  return Number.isFinite(tokens) ? decimal(tokens) : "∞"; // of a job that diverged
}

function meanings() {
  return tooltip(
    "What the figures mean",
    h(
      "dl",
      { class: "job-meanings" },
      h("dt", {}, "Training and validation loss"),
      h("dd", {}, "How surprised the model is by the next token, on text that it learns from and on text that it never learns from: minus the logarithm of the probability that it gave it, on average."),
      h("dt", {}, "Perplexity"),
      h("dd", {}, "exp(validation loss): it is as unsure as if it chose among so many tokens that are equally likely."),
      h("dt", {}, "Bits per byte"),
      h("dd", {}, "The validation loss for each byte of text, which can be compared between tokenizers."),
      h("dt", {}, "Learning rate"),
      h("dd", {}, "How far a step goes along the gradient."),
      h("dt", {}, "Gradient norm"),
      h("dd", {}, "How steep the loss is there. Where it leaps, a lower learning rate or grad_clip helps."),
    ),
  );
}

/**
 * @param {string} label
 * @param {string} text
 * @param {string} [of]
 * @param {string} [title]
 */
function value(label, text, of, title) {
  return h("div", { class: of, title }, h("dt", {}, label), h("dd", { class: "number" }, text));
}
