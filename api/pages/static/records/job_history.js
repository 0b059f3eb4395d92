/** What a job has written so far, kept current by the stream of events. */

import { RequestFailed, isAborted } from "../http/problem.js";
import { get, pages } from "../http/request.js";
import { changesCheckpoints } from "./job_changes.js";
import { withFiner, withRow } from "./loss_rows.js";
import { oneAtATime } from "./one_at_a_time.js";

/** @import { EventStream } from "../http/event_stream.js" */
/** @import { CheckpointRecord, DeviceMetricsRecord, EventRecord, LossRecord, SampleRecord } from "../types/records.d.ts" */

/** About twice as many as a chart has pixels. */
const MAX_POINTS = 2000;
/** The overview is asked anew when so many have come on top. */
const MOST_ROWS = 2 * MAX_POINTS;
/** Of what was measured of the device: its charts are small. As many more may come on top. */
const MAX_METRICS = 512;
/** The service measures its trainers as often. */
const METRICS_MS = 5000;

/** @typedef {"losses" | "samples" | "checkpoints" | "metrics"} Part */
/** @type {readonly Part[]} */
const ALL = ["losses", "samples", "checkpoints", "metrics"];

/**
 * Events: `change`, whose `detail` names what is another: `losses`, `samples`, `checkpoints`, `metrics`, `state`.
 *
 * It follows the page's one stream of all jobs, not `jobs/ID/events`, which would begin with the job's first event, and
 * take a second of the six connections that a browser opens. It is listened to before anything is read, so that
 * nothing falls between the two.
 */
export class JobHistory extends EventTarget {
  /** @type {"loading" | "loaded" | "failed"} */
  state = "loading";
  /** @type {unknown} Why it has failed. */
  error = null;
  /** @type {SampleRecord[]} */
  samples = [];
  /** @type {CheckpointRecord[]} */
  checkpoints = [];
  /** @type {DeviceMetricsRecord[]} */
  metrics = [];
  /** Another number whenever something is another. */
  version = 0;
  /** @type {LossRecord[]} */
  losses = [];

  #id;
  #events;
  /** @type {LossRecord[]} */
  #overview = [];
  /** @type {LossRecord[]} */
  #finer = [];
  /** @type {readonly [number, number] | null} Steps. */
  #window = null;
  /** @type {AbortController | null} */
  #asking = null;
  #metricsAskedAt = 0;
  #parts;
  /** Older answers never take the place of newer ones. */
  #read = {
    losses: oneAtATime(() => this.#loadLosses()),
    samples: oneAtATime(() => this.#loadSamples()),
    checkpoints: oneAtATime(() => this.#loadCheckpoints()),
    metrics: oneAtATime(() => this.#loadMetrics()),
  };
  #readLaterMetrics = oneAtATime(() => this.#loadLaterMetrics());
  /** @type {Set<LossRecord[]>} Of each answer that is under way, the rows that have come since it was asked for. */
  #heardLosses = new Set();
  /** @type {SampleRecord[] | null} Those that have come since samples were asked for. */
  #heardSamples = null;
  /** @type {AbortSignal} */
  #signal = AbortSignal.abort();

  /**
   * @param {string} id
   * @param {EventStream} events
   * @param {readonly Part[]} [parts]  what is asked for
   */
  constructor(id, events, parts = ALL) {
    super();
    this.#id = id;
    this.#events = events;
    this.#parts = new Set(parts);
  }

  /**
   * Ask for a part that was not asked for from the beginning.
   * @param {Part} part
   */
  want(part) {
    if (this.#parts.has(part)) return;
    this.#parts.add(part);
    if (!this.#signal.aborted) this.#again(part);
  }

  /** @param {AbortSignal} signal */
  open(signal) {
    this.#signal = signal;
    this.#events.addEventListener("event", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail), { signal });
    const again = () => this.state === "failed" && this.#events.state === "live" && this.load();
    this.#events.addEventListener("state", again, { signal });
    this.load();
  }

  async load() {
    if (this.state === "failed") this.state = "loading";
    try {
      await Promise.all([...this.#parts].map((part) => this.#read[part]()));
      this.state = "loaded";
      this.error = null;
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      this.state = this.state === "loaded" ? "loaded" : "failed";
      this.error = error;
    }
    this.#tell("state");
  }

  /**
   * Ask for all rows of a part, as many as can be seen.
   * @param {readonly [number, number] | null} window  steps; null: the whole again
   */
  async zoom(window) {
    this.#window = window;
    this.#asking?.abort();
    if (window === null) {
      this.#finer = [];
      this.#merge();
      return;
    }
    this.#asking = new AbortController();
    const [from, to] = window;
    const query = { since_step: Math.max(-1, Math.floor(from) - 1), until_step: Math.max(0, Math.ceil(to)), max_points: MAX_POINTS };
    try {
      this.#finer = await this.#rows(query, AbortSignal.any([this.#signal, this.#asking.signal]));
      this.#merge();
    } catch (error) {
      // The overview stays: it only has fewer points.
      if (!isAborted(error) && !(error instanceof RequestFailed)) throw error;
    }
  }

  /** @param {EventRecord} event */
  #hear(event) {
    if (event.job_id !== this.#id) return;
    if (changesCheckpoints(event)) this.#again("checkpoints");
    const { data } = event;
    switch (event.type) {
      case "evaluation":
        this.#take(/** @type {LossRecord} */ (data));
        break;
      case "sample":
        this.#takeSample(/** @type {SampleRecord} */ ({ recorded_at: event.created_at, ...data }));
        break;
      case "progress":
        this.#refreshMetrics();
        break;
      case "status":
        // An attempt that resumes computes rows again, one that ends may have taken back those of attempts before it.
        this.load();
        break;
    }
  }

  /** @param {LossRecord} row */
  #take(row) {
    for (const heard of this.#heardLosses) heard.push(row);
    this.#overview = withRow(this.#overview, row);
    const first = this.#finer[0];
    if (first !== undefined && row.step >= first.step && this.#window !== null && row.step <= this.#window[1]) {
      this.#finer = withRow(this.#finer, row);
    }
    this.#merge();
    if (this.#overview.length > MOST_ROWS) this.#again("losses");
  }

  /** @param {SampleRecord} sample */
  #takeSample(sample) {
    this.#heardSamples?.push(sample);
    this.samples = withSample(this.samples, sample);
    this.#tell("samples");
  }

  #merge() {
    this.losses = withFiner(this.#overview, this.#finer);
    this.#tell("losses");
  }

  /**
   * @param {Part} part
   * @param {() => Promise<void>} read
   */
  async #again(part, read = this.#read[part]) {
    if (!this.#parts.has(part)) return;
    try {
      await read();
    } catch (error) {
      // What is shown stays; the stream says that the service is away, and tells what follows.
      if (!isAborted(error) && !(error instanceof RequestFailed)) throw error;
    }
  }

  async #loadLosses() {
    this.#overview = await this.#rows({ max_points: MAX_POINTS }, this.#signal);
    this.#merge();
  }

  /**
   * Evaluations as the service answers, and behind that those that have come meanwhile.
   * @param {Record<string, number>} query
   * @param {AbortSignal} signal
   */
  async #rows(query, signal) {
    /** @type {LossRecord[]} */
    const heard = [];
    this.#heardLosses.add(heard);
    try {
      /** @type {{data: LossRecord[]}} */
      const { data } = await get(`jobs/${this.#id}/losses`, { query, signal });
      const until = query.until_step ?? Infinity;
      return heard.filter(({ step }) => step <= until && step > (query.since_step ?? -1)).reduce(withRow, data);
    } finally {
      this.#heardLosses.delete(heard);
    }
  }

  async #loadSamples() {
    /** @type {SampleRecord[]} */
    const samples = [];
    /** @type {SampleRecord[]} */
    const heard = (this.#heardSamples = []);
    try {
      let page;
      do {
        page = await this.#get("samples", { since_step: samples.at(-1)?.step ?? -1 });
        samples.push(...page.data);
      } while (page.has_more);
    } finally {
      this.#heardSamples = null;
    }
    this.samples = heard.reduce(withSample, samples);
    this.#tell("samples");
  }

  async #loadCheckpoints() {
    const checkpoints = [];
    for await (const page of pages(`jobs/${this.#id}/checkpoints`, { signal: this.#signal })) checkpoints.push(...page);
    this.checkpoints = checkpoints.toSorted((a, b) => a.step - b.step);
    this.#tell("checkpoints");
  }

  async #loadMetrics() {
    this.#metricsAskedAt = Date.now();
    const { data } = await this.#get("metrics", { max_points: MAX_METRICS });
    this.metrics = data;
    this.#tell("metrics");
  }

  #refreshMetrics() {
    if (Date.now() - this.#metricsAskedAt < METRICS_MS) return;
    this.#again("metrics", this.metrics.length < 2 * MAX_METRICS ? this.#readLaterMetrics : this.#read.metrics);
  }

  /** Those behind the last one that is there. */
  async #loadLaterMetrics() {
    this.#metricsAskedAt = Date.now();
    const last = this.metrics.at(-1)?.elapsed_s;
    const { data } = await this.#get("metrics", last === undefined ? { max_points: MAX_METRICS } : { since_elapsed_s: last });
    // Another answer may have come meanwhile, as when an attempt ended.
    if (data.length === 0 || this.metrics.at(-1)?.elapsed_s !== last) return;
    this.metrics = [...this.metrics, ...data];
    this.#tell("metrics");
  }

  /**
   * @param {string} path
   * @param {Record<string, number>} query
   */
  #get(path, query) {
    return get(`jobs/${this.#id}/${path}`, { query, signal: this.#signal });
  }

  /** @param {string} what */
  #tell(what) {
    this.version += 1;
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
  }
}

/**
 * @param {readonly SampleRecord[]} samples
 * @param {SampleRecord} sample
 * @returns {SampleRecord[]}
 */
function withSample(samples, sample) {
  const others = samples.filter(({ step, index }) => step !== sample.step || index !== sample.index);
  return [...others, sample].toSorted((a, b) => a.step - b.step || a.index - b.index);
}
