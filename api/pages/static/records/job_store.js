import { Problem, RequestFailed, isAborted } from "../http/problem.js";
import { get, pages } from "../http/request.js";
import { afterEvent, isToBeFetched } from "./job_changes.js";

/** @import { EventRecord, JobRecord } from "../types/records.d.ts" */
/** @import { EventStream } from "../http/event_stream.js" */

const PAGE = 200;
/** Within which several events of a job, or of the queue, cost one request. */
const GATHER_MS = 250;
/** What queued jobs wait for changes also without an event: with workers that come and go, and with time. */
const QUEUE_LOOK_MS = 10_000;

/**
 * The records of all jobs, archived ones too, kept current by the stream of events.
 *
 * The stream is opened before the list is read: what happens meanwhile is told by it, and an event that the list has
 * already changes nothing. Whoever deletes or changes a job need not tell the store; the stream does.
 *
 * Events: `change`, once a frame at most. Its `detail` is the set of ids of the jobs that are others, new or gone.
 */
export class JobStore extends EventTarget {
  /** @type {"loading" | "loaded" | "failed"} */
  state = "loading";
  /** @type {Error | null} Why it has failed. */
  error = null;
  /** @type {Map<string, JobRecord>} */
  #jobs = new Map();
  /** @type {Set<string>} Ids of jobs that are gone: an answer from before may still be on its way. */
  #deleted = new Set();
  /** @type {JobRecord[] | null} Made when somebody asks. */
  #sorted = null;
  /** @type {Set<string>} */
  #changed = new Set();
  /** @type {Set<string>} Ids of jobs whose records are to be fetched. */
  #stale = new Set();
  #isFetching = false;
  #isQueueStale = false;
  /** Ends with `clear`, and with what `open` was given. */
  #life = new AbortController();
  #events;

  /** @param {EventStream} events */
  constructor(events) {
    super();
    this.#events = events;
  }

  /** The newest first. */
  get all() {
    if (this.#sorted === null) this.#sorted = [...this.#jobs.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1));
    return this.#sorted;
  }

  /**
   * @param {string} id
   * @returns {JobRecord | undefined}
   */
  job(id) {
    return this.#jobs.get(id);
  }

  /**
   * Follow until `signal` is aborted.
   * @param {AbortSignal} signal
   */
  open(signal) {
    this.clear();
    const life = this.#life;
    signal.addEventListener("abort", () => life.abort());
    this.#events.addEventListener("event", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail), { signal });
    this.#events.open(signal);
    const timer = setInterval(() => this.#lookAtQueue(), QUEUE_LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    this.load();
  }

  /** Read the whole list. */
  async load() {
    const { signal } = this.#life;
    this.state = "loading";
    this.#tell();
    try {
      for await (const page of pages("jobs", { query: { archived: "any", limit: PAGE }, signal })) {
        for (const job of page) this.put(job);
      }
      this.state = "loaded";
      this.error = null;
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.state = "failed";
      this.error = error;
    }
    this.#tell();
  }

  /** Forget all, also what is on its way. */
  clear() {
    this.#life.abort();
    this.#life = new AbortController();
    this.#jobs.clear();
    this.#deleted.clear();
    this.#sorted = null;
    this.#stale.clear();
    this.#isQueueStale = false;
    this.state = "loading";
  }

  /**
   * Take a record that the service has answered with.
   * @param {JobRecord} job
   */
  put(job) {
    if (this.#deleted.has(job.id)) return;
    this.#jobs.set(job.id, job);
    this.#tell(job.id);
  }

  /**
   * Forget a job that has been deleted.
   * @param {string} id
   */
  drop(id) {
    this.#deleted.add(id);
    this.#jobs.delete(id);
    this.#stale.delete(id);
    this.#tell(id);
  }

  /** @param {EventRecord} event */
  #hear(event) {
    const id = event.job_id;
    if (event.type === "deleted") {
      this.drop(id);
      return;
    }
    const before = this.#jobs.get(id);
    if (before !== undefined) {
      const after = afterEvent(before, event);
      if (after !== before) this.put(after);
    }
    if (event.type === "status") this.#isQueueStale = true;
    if (before === undefined || isToBeFetched(event)) this.#stale.add(id);
    if (this.#stale.size > 0 || this.#isQueueStale) this.#fetchSoon();
  }

  #lookAtQueue() {
    if (document.hidden || this.#events.state !== "live") return;
    if (![...this.#jobs.values()].some((job) => job.status === "queued")) return;
    this.#isQueueStale = true;
    this.#fetchSoon();
  }

  async #fetchSoon() {
    if (this.#isFetching) return;
    this.#isFetching = true;
    while (this.#stale.size > 0 || this.#isQueueStale) {
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const { signal } = this.#life;
      const ids = [...this.#stale];
      const isQueueStale = this.#isQueueStale;
      this.#stale.clear();
      this.#isQueueStale = false;
      try {
        for (const id of ids) await this.#fetch(id, signal);
        if (isQueueStale && [...this.#jobs.values()].some((job) => job.status === "queued")) {
          for await (const page of pages("jobs", { query: { status: "queued", archived: "any", limit: PAGE }, signal })) {
            for (const job of page) this.put(job);
          }
        }
      } catch (error) {
        if (isAborted(error)) continue; // what is stale now is so since then
        if (!(error instanceof RequestFailed)) throw error;
        if (error instanceof Problem && error.status === 401) break;
        for (const id of ids) this.#stale.add(id);
        this.#isQueueStale ||= isQueueStale;
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
    this.#isFetching = false;
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   */
  async #fetch(id, signal) {
    try {
      this.put(await get(`jobs/${encodeURIComponent(id)}`, { signal }));
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error; // deleted since
    }
  }

  /** @param {string} [id] */
  #tell(id = "") {
    this.#sorted = null;
    if (this.#changed.size === 0) {
      requestAnimationFrame(() => {
        const detail = new Set(this.#changed);
        this.#changed.clear();
        detail.delete("");
        this.dispatchEvent(new CustomEvent("change", { detail }));
      });
    }
    this.#changed.add(id);
  }
}
