import { RequestFailed, isAborted } from "../http/problem.js";
import { pages } from "../http/request.js";
import { oneAtATime } from "./one_at_a_time.js";

/**
 * What data sets are called: jobs have their ids alone.
 *
 * Events: `change`.
 */
export class DatasetNames extends EventTarget {
  /** @type {Map<string, string>} */
  #names = new Map();
  /** @type {Set<string>} Looked up once: those without a name are deleted, or another's. */
  #asked = new Set();
  /** Ends with `clear`. */
  #life = new AbortController();
  #read = oneAtATime(() => this.#readAll());

  /**
   * Its name if that is known, else its id; which is then looked up.
   * @param {string} id
   */
  of(id) {
    const name = this.#names.get(id);
    // A built-in one's id is its name.
    if (name === undefined && id.startsWith("dataset-") && !this.#asked.has(id)) {
      this.#asked.add(id);
      this.#read();
    }
    return name ?? id;
  }

  /** Forget all, also what is on its way. */
  clear() {
    this.#life.abort();
    this.#life = new AbortController();
    this.#names.clear();
    this.#asked.clear();
  }

  async #readAll() {
    const { signal } = this.#life;
    try {
      for await (const page of pages("datasets", { signal })) {
        for (const { id, name } of page) if (name) this.#names.set(id, name);
      }
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      if (!isAborted(error) && !(error instanceof RequestFailed)) throw error; // the id says it too
    }
  }
}
