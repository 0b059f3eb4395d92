import { Problem, Unreachable } from "./problem.js";
import { unauthorised, urlOf } from "./request.js";

/** @import { Options } from "./request.js" */

/**
 * Send a form with files, and hear how much of it has been sent: `fetch` does not tell.
 * @param {string} path
 * @param {{query?: Options["query"], body: FormData, onProgress: (fraction: number) => void, signal: AbortSignal}} options
 * @returns {Promise<any>} the JSON that the service answers with
 * @throws {Problem | Unreachable}
 * @throws {DOMException} AbortError if the signal was aborted
 */
export function upload(path, { query, body, onProgress, signal }) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const sending = new XMLHttpRequest();
  sending.open("POST", urlOf(path, query));
  sending.setRequestHeader("Accept", "application/json");
  sending.setRequestHeader("X-Requested-With", "pretrain");
  sending.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0));
  sending.addEventListener("error", () => reject(new Unreachable("the connection broke")));
  sending.addEventListener("abort", () => reject(new DOMException("the upload was cancelled", "AbortError")));
  sending.addEventListener("load", () => {
    const answer = jsonIn(sending.responseText);
    if (sending.status < 300) return resolve(answer);
    if (sending.status === 401) unauthorised.dispatchEvent(new Event("unauthorised"));
    const requestId = sending.getResponseHeader("X-Request-ID");
    reject(new Problem(sending.status, answer ?? {}, new Headers(requestId === null ? {} : { "X-Request-ID": requestId })));
  });
  signal.addEventListener("abort", () => sending.abort(), { once: true });
  sending.send(body);
  return promise;
}

/** @param {string} text */
function jsonIn(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a proxy's own page: the status says enough
    throw error;
  }
}
