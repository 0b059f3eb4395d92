import { RequestFailed, isAborted } from "../http/problem.js";
import { pages } from "../http/request.js";
import { oneAtATime } from "./one_at_a_time.js";

/** While something is being prepared, the list is read anew as often. */
const LOOK_MS = 2000;

/**
 * A list of records, read anew while one of them is being prepared, and when its person comes back to the page: no
 * stream tells of them.
 *
 * Events: `change`.
 * @template {{id: string, status: string}} T
 */
export class Listing extends EventTarget {
  /** @type {"loading" | "loaded" | "failed"} */
  state = "loading";
  /** @type {readonly T[]} */
  items = [];
  /** @type {Error | null} */
  error = null;
  #path;
  #signal = AbortSignal.abort();
  #read = oneAtATime(() => this.#readAll());

  /** @param {string} path */
  constructor(path) {
    super();
    this.#path = path;
  }

  /** @param {AbortSignal} signal */
  open(signal) {
    this.#signal = signal;
    this.load();
    const timer = setInterval(() => {
      if (!document.hidden && this.items.some(({ status }) => status === "preparing")) this.load();
    }, LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    document.addEventListener("visibilitychange", () => document.hidden || this.load(), { signal });
  }

  /** Read it anew. */
  load() {
    return this.#read();
  }

  async #readAll() {
    try {
      /** @type {T[]} */
      const found = [];
      for await (const page of pages(this.#path, { query: { limit: 200 }, signal: this.#signal })) found.push(.../** @type {T[]} */ (page));
      this.items = found;
      this.state = "loaded";
      this.error = null;
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.state = "failed";
      this.error = error;
    }
    this.dispatchEvent(new Event("change"));
  }
}
