import { RequestFailed, isAborted } from "../http/problem.js";
import { get } from "../http/request.js";

/** @import { EventRecord, LossRecord } from "../types/records.d.ts" */
/** @import { EventStream } from "../http/event_stream.js" */

const POINTS = 64;
/** As many as a sketch grows to before it is asked for anew, in which no spike is lost. */
const MAX_POINTS = 512;
const AT_ONCE = 4;

/**
 * Both losses of a job, as far as a line of a finger's width shows them.
 * @typedef {{x: number[], train: number[], validation: number[]}} Sketch
 */

/**
 * Sketches of those jobs that somebody looks at, grown by the stream of events.
 *
 * Events: `change`, whose `detail` is the id of a job.
 */
export class LossSketches extends EventTarget {
  /** @type {Map<string, Sketch>} */
  #sketches = new Map();
  /** @type {Set<string>} Asked for, and not there yet; the first are fetched. */
  #wanted = new Set();
  /** @type {Map<string, LossRecord[]>} Asked of the service right now, with the evaluations that have come meanwhile. */
  #inFlight = new Map();
  #running = 0;
  /** Ends with `clear`. */
  #life = new AbortController();

  /** @param {EventStream} events */
  constructor(events) {
    super();
    events.addEventListener("event", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail));
  }

  /**
   * @param {string} id
   * @returns {Sketch | undefined}
   */
  of(id) {
    return this.#sketches.get(id);
  }

  /**
   * Have the sketch of a job fetched, unless it is there.
   * @param {string} id
   */
  want(id) {
    if (this.#sketches.has(id) || this.#wanted.has(id) || this.#inFlight.has(id)) return;
    this.#wanted.add(id);
    if (this.#running < AT_ONCE) this.#run();
  }

  /** Forget all, also what is on its way. */
  clear() {
    this.#life.abort();
    this.#life = new AbortController();
    this.#sketches.clear();
    this.#wanted.clear();
    this.#inFlight = new Map();
  }

  async #run() {
    this.#running += 1;
    for (let id = this.#next(); id !== undefined; id = this.#next()) await this.#fetch(id);
    this.#running -= 1;
  }

  /** @param {string} id */
  async #fetch(id) {
    const inFlight = this.#inFlight;
    /** @type {LossRecord[]} */
    const heard = [];
    inFlight.set(id, heard);
    try {
      /** @type {{data: LossRecord[]}} */
      const { data } = await get(`jobs/${encodeURIComponent(id)}/losses`, { query: { max_points: POINTS }, signal: this.#life.signal });
      if (!inFlight.has(id)) return; // its job was deleted meanwhile
      this.#sketches.set(id, sketchOf([...data, ...heard]));
      this.#tell(id);
    } catch (error) {
      // It stays without: there is nothing to be said of it that the page does not say anyway.
      if (!isAborted(error) && !(error instanceof RequestFailed)) throw error;
    } finally {
      inFlight.delete(id);
    }
  }

  #next() {
    const [id] = this.#wanted;
    if (id !== undefined) this.#wanted.delete(id);
    return id;
  }

  /** @param {EventRecord} event */
  #hear({ type, job_id: id, data }) {
    if (type === "deleted") for (const known of [this.#sketches, this.#wanted, this.#inFlight]) known.delete(id);
    if (type !== "evaluation") return;
    this.#inFlight.get(id)?.push(/** @type {LossRecord} */ (data));
    const sketch = this.#sketches.get(id);
    if (sketch === undefined) return;
    if (sketch.x.length >= MAX_POINTS) {
      this.#sketches.delete(id);
      this.want(id);
    } else {
      this.#sketches.set(id, grown(sketch, /** @type {LossRecord} */ (data)));
      this.#tell(id);
    }
  }

  /** @param {string} id */
  #tell(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: id }));
  }
}

/**
 * @param {readonly LossRecord[]} rows
 * @returns {Sketch}
 */
export function sketchOf(rows) {
  return rows.reduce(grown, { x: [], train: [], validation: [] });
}

/**
 * The sketch with one more evaluation; the same one if that is not behind its last: events may repeat what was fetched.
 * @param {Sketch} sketch
 * @param {Pick<LossRecord, "step" | "train_loss" | "val_loss">} row
 * @returns {Sketch}
 */
export function grown(sketch, row) {
  if (row.step <= (sketch.x.at(-1) ?? -1)) return sketch;
  return {
    x: [...sketch.x, row.step],
    train: [...sketch.train, row.train_loss ?? NaN],
    validation: [...sketch.validation, row.val_loss ?? NaN],
  };
}
