import { setChoices } from "../../components/choices.js";
import { Component } from "../../dom/component.js";
import { h } from "../../dom/h.js";

/** @typedef {{job?: string | null, checkpoint?: string | number | null, model?: string | null}} Start */
/** @typedef {{value: string, label: string}} Choice */

let number = 0;

/**
 * Weights to start from: none, a job's checkpoint, or a model from outside. Events: `start` (a `Start` or null).
 */
export class StartControl extends Component {
  /** @type {Start | null} */
  value = null;
  /** @type {Choice[]} */
  jobs = [];
  /** @type {Choice[]} */
  models = [];
  label = "";
  /** Id of what describes it. */
  describedBy = "";

  #prefix = `start-${(number += 1)}`;
  #source = h("select", { class: "select", on: { change: () => this.#change() } });
  #checkpoint = h("input", { class: "input", placeholder: "last", "aria-label": "Checkpoint: last, best or a step", on: { input: () => this.#change() } });

  build() {
    this.#source.id = `${this.#prefix}-source`;
    this.#source.setAttribute("aria-label", this.label);
    this.#source.setAttribute("aria-describedby", this.describedBy);
    this.append(this.#source, this.#checkpoint);
  }

  render() {
    const { value } = this;
    const chosen = value?.job ? `job:${value.job}` : value?.model ? `model:${value.model}` : "";
    const known = new Set(["", ...this.jobs.map((job) => `job:${job.value}`), ...this.models.map((model) => `model:${model.value}`)]);
    const groups = [
      { value: "", label: "Drawn at random" },
      { label: "A job’s checkpoint", choices: this.jobs.map((job) => ({ value: `job:${job.value}`, label: job.label })) },
      { label: "A model from outside", choices: this.models.map((model) => ({ value: `model:${model.value}`, label: model.label })) },
      ...(known.has(chosen) ? [] : [{ value: chosen, label: value?.job ?? value?.model ?? "" }]),
    ];
    setChoices(this.#source, groups, chosen);
    this.#checkpoint.hidden = !value?.job;
    if (document.activeElement !== this.#checkpoint) this.#checkpoint.value = String(value?.checkpoint ?? "");
  }

  #change() {
    const [kind, id] = this.#source.value.split(/:(.*)/s);
    const checkpoint = this.#checkpoint.value.trim();
    const named = /^\d+$/.test(checkpoint) ? Number(checkpoint) : checkpoint;
    if (!id) this.value = null;
    else this.value = kind === "model" ? { model: id } : { job: id, ...(checkpoint ? { checkpoint: named } : {}) };
    this.render();
    this.emit("start", this.value);
  }
}
customElements.define("start-control", StartControl);
