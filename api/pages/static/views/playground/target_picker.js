import { setChoices } from "../../components/choices.js";
import { field } from "../../components/field.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { inWords } from "../../http/problem.js";
import { hrefOf } from "../../page/location.js";
import { nameOf } from "../../records/job_actions.js";
import { checkpointChoices, mayBeAsked } from "./target.js";

/** @import { JobRecord } from "../../types/records.d.ts" */
/** @import { KnownCheckpoints } from "./known_checkpoints.js" */
/** @import { Target } from "./target.js" */

/** Who is asked: a job and one of its checkpoints, or a model from outside. Events: `target` (a `Target`). */
export class TargetPicker extends Component {
  /** @type {Target | null} */
  target = null;
  /** @type {readonly JobRecord[]} */
  jobs = [];
  /** @type {KnownCheckpoints | null} */
  known = null;
  /** Whether one checkpoint is chosen. */
  hasCheckpoint = true;

  #who = field("Job or model", h("select"));
  #checkpoint = field("Checkpoint", h("select"));
  #more = h("p", { class: "small" });

  build() {
    this.className = "stack";
    this.append(this.#who.element, this.#checkpoint.element, this.#more);
    this.#who.control.addEventListener("change", () => {
      const [kind, id = ""] = this.#who.control.value.split(/:(.*)/s);
      this.emit("target", kind === "model" ? { kind, id, checkpoint: "" } : { kind: "job", id, checkpoint: "last" });
    });
    this.#checkpoint.control.addEventListener("change", () => {
      if (this.target !== null) this.emit("target", { ...this.target, checkpoint: this.#checkpoint.control.value });
    });
  }

  render() {
    const { target, known } = this;
    if (known === null) return;
    const shown = this.jobs.filter((job) => mayBeAsked(job) || job.id === target?.id);
    const jobs = shown.map((job) => ({ value: `job:${job.id}`, label: `${nameOf(job)} · ${job.status}` }));
    if (target?.kind === "job" && !shown.some(({ id }) => id === target.id)) jobs.unshift({ value: `job:${target.id}`, label: target.id });
    const models = known.models.map(({ id, name }) => ({ value: `model:${id}`, label: name ?? id }));
    setChoices(this.#who.control, [
      { label: "Jobs", choices: jobs },
      { label: "Models from outside", choices: models },
    ], target === null ? "" : `${target.kind}:${target.id}`);

    const isJob = target?.kind === "job";
    this.#checkpoint.element.hidden = !isJob || !this.hasCheckpoint;
    fill(this.#more, isJob && h("a", { href: hrefOf(`/jobs/${target.id}`) }, "Its curves"));
    if (!isJob) return;
    const checkpoints = known.of(target.id);
    const choices = Array.isArray(checkpoints) ? checkpointChoices(checkpoints) : [];
    if (!choices.some(({ value }) => value === target.checkpoint)) {
      choices.unshift({ value: target.checkpoint, label: checkpoints === "loading" ? "Loading …" : missing(target.checkpoint) });
    }
    setChoices(this.#checkpoint.control, choices, target.checkpoint);
    this.#checkpoint.setError(wrong(checkpoints, target.checkpoint));
  }
}
customElements.define("target-picker", TargetPicker);

/** @param {string} checkpoint */
function missing(checkpoint) {
  return /^\d+$/.test(checkpoint) ? `Step ${checkpoint}` : `The ${checkpoint}`;
}

/**
 * @param {ReturnType<KnownCheckpoints["of"]>} checkpoints
 * @param {string} chosen
 */
function wrong(checkpoints, chosen) {
  if (checkpoints === "loading") return null;
  if (checkpoints instanceof Error) return inWords(checkpoints);
  if (checkpoints.length === 0) return "This job has no checkpoint yet: one is written at the end of an epoch, and when you ask for one.";
  const isThere = ["last", "best"].includes(chosen) || checkpoints.some(({ step }) => String(step) === chosen);
  return isThere ? null : "This checkpoint is not kept any more.";
}
