import { Problem, RequestFailed } from "../http/problem.js";
import { get } from "../http/request.js";

/** @import { CopiedListing } from "../types/records.d.ts" */

/**
 * What samples have word for word from the training text: asked once for each sample, when it is first shown.
 *
 * Events: `change`, when an answer has come.
 */
export class CopiedSpans extends EventTarget {
  /** @type {Map<string, CopiedListing | null>} null: asked, or not to be had */
  #answers = new Map();
  #jobId;

  /** @param {string} jobId */
  constructor(jobId) {
    super();
    this.#jobId = jobId;
  }

  /**
   * @param {{step: number, index: number, text: string}} sample
   * @param {AbortSignal} signal
   * @returns {CopiedListing | null} null until it is known
   */
  of(sample, signal) {
    // A resumed attempt may have written another text at the same place.
    const key = `${sample.step}/${sample.index}/${sample.text}`;
    const known = this.#answers.get(key);
    if (known === undefined) this.#ask(key, sample, signal);
    return known ?? null;
  }

  /**
   * @param {string} key
   * @param {{step: number, index: number}} sample
   * @param {AbortSignal} signal
   */
  async #ask(key, { step, index }, signal) {
    this.#answers.set(key, null);
    try {
      this.#answers.set(key, await get(`jobs/${this.#jobId}/samples/${step}/${index}/copied`, { signal }));
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      this.#answers.delete(key);
      const isExpected = error instanceof RequestFailed || error instanceof DOMException;
      if (!isExpected) throw error;
      // The text may be deleted or another owner's: the sample is shown without it.
      if (error instanceof Problem) this.#answers.set(key, null);
    }
  }
}
