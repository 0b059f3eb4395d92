import { RequestFailed, isAborted } from "../../http/problem.js";
import { pages } from "../../http/request.js";
import { bytes, compact } from "../../format/numbers.js";
import { jobs } from "../../page/services.js";
import { nameOf } from "../../records/job_actions.js";

/** @import { DatasetRecord, ImportedModelRecord, TokenizerRecord } from "../../types/records.d.ts" */
/** @import { Choice } from "./start_control.js" */

/** What one can choose among because it is stored here: data sets, tokenizers, weights. Events: `change`. */
export class FormSources extends EventTarget {
  /** @type {Choice[]} */
  datasets = [];
  /** @type {Choice[]} */
  tokenizers = [];
  /** @type {Choice[]} */
  models = [];

  /** @returns {Choice[]} */
  get jobs() {
    return jobs.all.filter(({ status, latest }) => latest !== null || status === "succeeded").map((job) => ({ value: job.id, label: nameOf(job) }));
  }

  /** @param {AbortSignal} signal */
  async load(signal) {
    await Promise.all([
      this.#fill("datasets", signal, (/** @type {DatasetRecord} */ { id, name, bytes: size, status }) => (status === "failed" ? null : { value: id, label: size === null ? name : `${name}, ${bytes(size)}` })),
      this.#fill("tokenizers", signal, (/** @type {TokenizerRecord} */ { id, name, vocab_size: size, status }) =>
        status === "failed" ? null : { value: id, label: size === null ? `${name}, in training` : `${name}, ${compact(size)} tokens` },
      ),
      this.#fill("models", signal, (/** @type {ImportedModelRecord} */ { id, name, status }) => (status === "ready" ? { value: id, label: name ?? id } : null)),
    ]);
  }

  /**
   * @param {"datasets" | "tokenizers" | "models"} what
   * @param {AbortSignal} signal
   * @param {(record: any) => Choice | null} choice
   */
  async #fill(what, signal, choice) {
    try {
      /** @type {Choice[]} */
      const found = [];
      for await (const page of pages(what, { signal })) found.push(...page.map(choice).filter((each) => each !== null));
      this[what] = found;
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      // What is chosen is shown by its id all the same.
      if (!isAborted(error) && !(error instanceof RequestFailed)) throw error;
    }
  }
}
