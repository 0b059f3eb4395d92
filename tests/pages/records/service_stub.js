/** The service as records ask it: each request waits until the test answers it, and ends when it is aborted. */

/** @import { EventStream } from "../../../api/pages/static/http/event_stream.js" */

/** @typedef {{path: string, query: string, answer: (body: unknown) => void}} Asked */

export class ServiceStub {
  /** @type {Asked[]} Those that are not answered yet. */
  asked = [];

  constructor() {
    Object.assign(globalThis, { requestAnimationFrame: (/** @type {() => void} */ act) => setTimeout(act, 0) });
    globalThis.fetch = (url, { signal } = {}) =>
      new Promise((resolve, reject) => {
        const asked = {
          path: new URL(String(url)).pathname.split("/").slice(-3).join("/"),
          query: new URL(String(url)).search,
          answer: (/** @type {unknown} */ body) => {
            this.asked = this.asked.filter((other) => other !== asked);
            resolve(Response.json(body));
          },
        };
        if (signal?.aborted) return reject(signal.reason);
        signal?.addEventListener("abort", () => {
          this.asked = this.asked.filter((other) => other !== asked);
          reject(signal.reason);
        });
        this.asked.push(asked);
      });
  }

  /**
   * Answer the only request that waits, and let whoever asked take it.
   * @param {unknown} body
   */
  async answer(body) {
    const [only] = this.asked;
    if (only === undefined || this.asked.length > 1) throw new Error(`${this.asked.length} requests wait`);
    only.answer(body);
    await settled();
  }
}

/** Until everything that only waits for promises has been done. */
export function settled() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A stream that says what the test says: `heard(stream, {type: "deleted", job_id: "job-1", data: {}})`. */
export function silentStream() {
  return /** @type {EventStream} */ (/** @type {unknown} */ (Object.assign(new EventTarget(), { state: "live", open() {}, retry() {} })));
}

/**
 * @param {EventStream} stream
 * @param {{type: string, job_id: string, data: object}} event
 */
export function heard(stream, event) {
  stream.dispatchEvent(new CustomEvent("event", { detail: event }));
}
