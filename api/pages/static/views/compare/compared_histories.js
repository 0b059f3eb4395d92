/** What the jobs that are compared have written so far. */

import { xValues } from "../../curves/x_values.js";
import { JobHistory } from "../../records/job_history.js";

/** @import { EventStream } from "../../http/event_stream.js" */
/** @import { AxisName } from "../../charts/axes.js" */

/**
 * Events: `change`.
 */
export class ComparedHistories extends EventTarget {
  /** Another number whenever one of them has changed. */
  version = 0;
  /** @type {Map<string, {history: JobHistory, end: AbortController, window: string}>} */
  #followed = new Map();
  #events;

  /** @param {EventStream} events */
  constructor(events) {
    super();
    this.#events = events;
  }

  /**
   * Follow these jobs and no others.
   * @param {readonly string[]} ids
   * @param {AbortSignal} signal
   */
  follow(ids, signal) {
    for (const [id, { end }] of this.#followed) {
      if (ids.includes(id)) continue;
      end.abort();
      this.#followed.delete(id);
      this.version += 1;
    }
    for (const id of ids) if (!this.#followed.has(id)) this.#begin(id, signal);
  }

  /** Follow none. */
  clear() {
    this.follow([], AbortSignal.abort());
  }

  /**
   * @param {string} id
   * @returns {JobHistory | undefined}
   */
  of(id) {
    return this.#followed.get(id)?.history;
  }

  /**
   * Have what it takes to lay them over x: of jobs of earlier versions the device's measurements alone tell the time.
   * @param {AxisName} axis
   */
  layOver(axis) {
    if (axis !== "time") return;
    for (const { history } of this.#followed.values()) {
      if (history.losses.some(({ elapsed_s: time }) => time === null)) history.want("metrics");
    }
  }

  /**
   * Have the finer rows of a part of x.
   * @param {AxisName} axis
   * @param {readonly [number, number] | null} range  of x; null: the whole
   */
  zoom(axis, range) {
    for (const followed of this.#followed.values()) {
      const { history } = followed;
      if (history.state !== "loaded") continue;
      const steps = range === null ? null : stepsOf(history, axis, range);
      const window = JSON.stringify(steps);
      if (window === followed.window) continue;
      followed.window = window;
      history.zoom(steps);
    }
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   */
  #begin(id, signal) {
    const history = new JobHistory(id, this.#events, ["losses", "samples"]);
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    const tell = () => {
      this.version += 1;
      this.dispatchEvent(new Event("change"));
    };
    history.addEventListener("change", tell, { signal: both });
    this.#followed.set(id, { history, end, window: "null" });
    history.open(both);
  }
}

/**
 * @param {JobHistory} history
 * @param {AxisName} axis
 * @param {readonly [number, number]} range
 * @returns {readonly [number, number] | null}
 */
function stepsOf({ losses, metrics }, axis, [from, to]) {
  const { toStep } = xValues(axis, losses, metrics);
  const steps = /** @type {const} */ ([toStep(from), toStep(to)]);
  return steps.every(Number.isFinite) && steps[1] >= 0 ? steps : null;
}
