import { RequestFailed, isAborted } from "../../http/problem.js";
import { get } from "../../http/request.js";
import { FREQUENT } from "./event_words.js";

/** @import { EventStream } from "../../http/event_stream.js" */
/** @import { EventRecord } from "../../types/records.d.ts" */

/** As many as are read at once, the newest first: of a long job's evaluations there may be a hundred thousand. */
const PAGE = 500;

/**
 * How far back events are known.
 * @typedef {{exclude: string | null, from: number, hasOlder: boolean}} Reach
 */

/**
 * What happened to a job, the oldest first, and of it the newest; older events when they are asked for. Without evaluations
 * and samples, of which a long job has too many, until somebody asks for them too.
 *
 * Events: `change`.
 */
export class JobEvents extends EventTarget {
  /** @type {"loading" | "loaded" | "failed"} */
  state = "loading";
  /** @type {unknown} */
  error = null;
  /** @type {EventRecord[]} All that are known. */
  #all = [];
  #path;
  #jobId;
  #stream;
  /** @type {Reach} */
  #usual = { exclude: FREQUENT.join(","), from: Infinity, hasOlder: false };
  /** @type {Reach} */
  #every = { exclude: null, from: Infinity, hasOlder: false };
  #reach = this.#usual;
  /** @type {AbortSignal} */
  #signal = AbortSignal.abort();

  /**
   * @param {string} jobId
   * @param {EventStream} stream
   */
  constructor(jobId, stream) {
    super();
    this.#jobId = jobId;
    this.#path = `jobs/${jobId}/events`;
    this.#stream = stream;
  }

  /** @returns {EventRecord[]} the oldest first, without a gap from the first of them on */
  get shown() {
    const { exclude, from } = this.#reach;
    return this.#all.filter(({ id, type }) => Number(id) >= from && (exclude === null || !FREQUENT.includes(type)));
  }

  /** Whether there are some before those that are shown. */
  get hasOlder() {
    return this.#reach.hasOlder;
  }

  /** @returns {EventRecord[]} */
  get alerts() {
    return this.#all.filter(({ type }) => type === "alert");
  }

  /** @param {AbortSignal} signal */
  open(signal) {
    this.#signal = signal;
    this.#stream.addEventListener("event", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail), { signal });
    this.load();
  }

  /** @param {boolean} isShown */
  showFrequent(isShown) {
    this.#reach = isShown ? this.#every : this.#usual;
    if (this.#reach.from === Infinity) this.load();
  }

  /** The newest ones. */
  load() {
    return this.#read(this.#reach, null);
  }

  /** Those before the ones that are shown. */
  loadOlder() {
    return this.#read(this.#reach, this.#reach.from);
  }

  /**
   * @param {Reach} reach
   * @param {number | null} before
   */
  async #read(reach, before) {
    this.state = "loading";
    this.dispatchEvent(new Event("change"));
    try {
      const query = { newest_first: true, limit: PAGE, exclude: reach.exclude, after: before };
      /** @type {{data: EventRecord[], has_more: boolean}} */
      const page = await get(this.#path, { query, signal: this.#signal });
      this.#add(page.data);
      reach.from = page.has_more ? Number(page.data.at(-1)?.id) : 0;
      reach.hasOlder = page.has_more;
      this.state = "loaded";
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.state = "failed";
      this.error = error;
    }
    this.dispatchEvent(new Event("change"));
  }

  /** @param {EventRecord} event */
  #hear(event) {
    if (event.job_id !== this.#jobId || event.type === "progress") return;
    // Nobody has asked for them: of a long job they would only take memory.
    if (FREQUENT.includes(event.type) && this.#every.from === Infinity && this.#reach !== this.#every) return;
    this.#add([event]);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {EventRecord[]} events */
  #add(events) {
    const byId = new Map([...this.#all, ...events].map((event) => [Number(event.id), event]));
    this.#all = [...byId.entries()].toSorted(([a], [b]) => a - b).map(([, event]) => event);
  }
}
