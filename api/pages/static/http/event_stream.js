import { EventParser } from "./event_parser.js";
import { Problem, RequestFailed, Unreachable, isAborted } from "./problem.js";
import { request } from "./request.js";

/** @import { EventRecord } from "../types/records.d.ts" */
/** @typedef {"connecting" | "live" | "reconnecting" | "paused" | "ended"} StreamState */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** The server says something every 15 s; a connection that is silent for longer is one that nobody has closed. */
const SILENCE_MS = 40_000;

/**
 * What happens, as it happens: `events`, or `jobs/ID/events`.
 *
 * Fetched, not an `EventSource`: that says of a refusal neither its status nor its reason, and gives up at the first
 * 502 of a proxy whose service restarts. In a hidden tab it is closed, because a browser opens six connections to a
 * service, and every tab would hold one; it goes on behind the last event that was read.
 *
 * Events: `state`; `event`, whose `detail` is an `EventRecord` (`progress` has no id).
 */
export class EventStream extends EventTarget {
  /** @type {StreamState} */
  state = "connecting";
  /** @type {Error | null} Why it is not live. */
  error = null;
  #path;
  #after = "";
  /** @type {AbortController | null} Of the connection, or of the wait for the next one. */
  #attempt = null;
  #isOpen = false;

  /** @param {string} path */
  constructor(path) {
    super();
    this.#path = path;
  }

  /**
   * Follow until `signal` is aborted, or the stream has ended.
   * @param {AbortSignal} signal
   */
  open(signal) {
    if (this.#isOpen || signal.aborted) return;
    this.#isOpen = true;
    this.state = "connecting";
    this.error = null;
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
    globalThis.addEventListener("online", () => this.#wake(), { signal });
    this.#run(signal).finally(() => (this.#isOpen = false));
  }

  /** Try at once: a person asks for it, the tab is shown again, or the network is back. */
  retry() {
    this.#wake();
  }

  #wake() {
    if (document.hidden || this.state !== "live") this.#attempt?.abort();
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    let failures = 0;
    while (!signal.aborted && !this.#hasEnded()) {
      this.#attempt = new AbortController();
      const attempt = AbortSignal.any([signal, this.#attempt.signal]);
      if (document.hidden) {
        this.#become("paused");
        await aborted(attempt);
        failures = 0;
        continue;
      }
      if (this.state === "paused") this.#become("connecting");
      try {
        await this.#read(attempt, () => (failures = 0));
      } catch (error) {
        if (signal.aborted) return;
        if (isAborted(error)) {
          failures = 0; // woken, or silent for too long
        } else if (error instanceof RequestFailed) {
          this.error = error;
          if (error instanceof Problem && isFinal(error.status)) return this.#become("ended");
        } else {
          throw error;
        }
      }
      if (signal.aborted || document.hidden || this.#hasEnded()) continue;
      this.#become("reconnecting");
      await pause(waitMs(failures, this.error), attempt);
      failures += 1;
    }
  }

  /**
   * Read until the connection ends.
   * @param {AbortSignal} signal
   * @param {() => void} begun
   */
  async #read(signal, begun) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const response = await request("GET", this.#path, {
        headers: { Accept: "text/event-stream", ...(this.#after ? { "Last-Event-ID": this.#after } : {}) },
        signal: AbortSignal.any([signal, silence.signal]),
      });
      if (response.status === 204 || response.body === null) return this.#become("ended");
      begun();
      this.error = null;
      this.#become("live");
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read().catch(broken);
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        for (const event of parser.push(value)) {
          this.dispatchEvent(new CustomEvent("event", { detail: JSON.parse(event.data) }));
        }
        if (parser.lastId) this.#after = parser.lastId;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #hasEnded() {
    return this.state === "ended";
  }

  /** @param {StreamState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

/**
 * @param {unknown} error  of a connection that ended while it was read
 * @returns {never}
 */
function broken(error) {
  throw isAborted(error) ? error : new Unreachable(error);
}

/**
 * Whether asking again would only be told the same. A 401 is final too: whoever signs in opens the stream again.
 * @param {number} status
 */
function isFinal(status) {
  return [401, 403, 404, 422].includes(status);
}

/**
 * How long to wait: doubled from try to try, and by chance up to a third less, so that not all tabs of all people
 * come back in the same moment.
 * @param {number} failures
 * @param {Error | null} error
 */
function waitMs(failures, error) {
  const asked = error instanceof Problem ? (error.retryAfterS ?? 0) * 1000 : 0;
  const own = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (1 - Math.random() / 3);
  return Math.max(own, Math.min(asked, LAST_RETRY_MS));
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal  ends it early
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
    if (signal.aborted) resolve();
  });
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
