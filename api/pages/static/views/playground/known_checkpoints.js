import { RequestFailed, Unreachable, isAborted } from "../../http/problem.js";
import { pages } from "../../http/request.js";
import { changesCheckpoints } from "../../records/job_changes.js";
import { Listing } from "../../records/listing.js";
import { oneAtATime } from "../../records/one_at_a_time.js";

/** @import { CheckpointRecord, EventRecord, ImportedModelRecord } from "../../types/records.d.ts" */
/** @import { EventStream } from "../../http/event_stream.js" */

/**
 * The checkpoints of the jobs that somebody looks at, kept current by the stream, and the models from outside.
 *
 * Events: `change`.
 */
export class KnownCheckpoints extends EventTarget {
  /** @type {Map<string, CheckpointRecord[] | Error | "loading">} */
  #ofJobs = new Map();
  /** @type {Map<string, () => Promise<void>>} */
  #reads = new Map();
  /** @type {Listing<ImportedModelRecord>} */
  #models = new Listing("models");
  #events;
  /** @type {AbortSignal} */
  #signal = AbortSignal.abort();

  /** @param {EventStream} events */
  constructor(events) {
    super();
    this.#events = events;
  }

  /** @param {AbortSignal} signal */
  open(signal) {
    this.#signal = signal;
    this.#ofJobs.clear();
    this.#events.addEventListener("event", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail), { signal });
    this.#events.addEventListener("state", () => this.#events.state === "live" && this.#retry(), { signal });
    this.#models.addEventListener("change", () => this.dispatchEvent(new Event("change")), { signal });
    this.#models.open(signal);
  }

  /** Models from outside that can be asked. Jobs can be asked without them, if they can't be had. */
  get models() {
    return this.#models.items.filter(({ status }) => status === "ready");
  }

  /**
   * The oldest first; they are fetched when they are asked for first.
   * @param {string} id
   * @returns {CheckpointRecord[] | Error | "loading"}
   */
  of(id) {
    if (!this.#ofJobs.has(id)) {
      this.#ofJobs.set(id, "loading");
      this.#load(id);
    }
    return this.#ofJobs.get(id) ?? "loading";
  }

  /** @param {EventRecord} event */
  #hear(event) {
    // An attempt that resumes may have given up those that were written after the one it goes on from.
    const isOther = changesCheckpoints(event) || event.type === "status" || event.type === "deleted";
    if (isOther && this.#ofJobs.has(event.job_id)) this.#load(event.job_id);
  }

  /** What could not be had while the service was away. */
  #retry() {
    for (const [id, known] of this.#ofJobs) if (known instanceof Unreachable) this.#load(id);
  }

  /** @param {string} id */
  #load(id) {
    const read = this.#reads.get(id) ?? oneAtATime(() => this.#read(id));
    this.#reads.set(id, read);
    return read();
  }

  /** @param {string} id */
  async #read(id) {
    try {
      /** @type {CheckpointRecord[]} */
      const found = [];
      for await (const page of pages(`jobs/${encodeURIComponent(id)}/checkpoints`, { query: { limit: 200 }, signal: this.#signal })) found.push(...page);
      this.#ofJobs.set(id, found.toSorted((a, b) => a.step - b.step));
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.#ofJobs.set(id, error);
    }
    this.dispatchEvent(new Event("change"));
  }
}
