/** @import { Problem as ProblemRecord, WrongField } from "../types/records.d.ts" */

/** A request that failed for a reason that a person can be told: what else is thrown is a fault of the page itself. */
export class RequestFailed extends Error {}

/** An answer that says what is wrong (`application/problem+json`, RFC 9457). Its message is what a person reads. */
export class Problem extends RequestFailed {
  /**
   * @param {number} status
   * @param {Partial<ProblemRecord>} document
   * @param {Headers} [headers]  of the response
   */
  constructor(status, document, headers = new Headers()) {
    super(document.detail ?? document.title ?? `the service answered with status ${status}`);
    this.name = "Problem";
    this.status = status;
    /** @type {WrongField[]} */
    this.errors = document.errors ?? [];
    /** By which the service's log knows the request. */
    this.requestId = headers.get("X-Request-ID");
    const retryAfter = headers.get("Retry-After");
    /** Seconds after which the same request may succeed. */
    this.retryAfterS = retryAfter === null ? null : Number(retryAfter);
  }

  /** What is wrong, by field: the first message of each. */
  get byField() {
    /** @type {Map<string, string>} */
    const messages = new Map();
    for (const { field, message } of this.errors) if (!messages.has(field)) messages.set(field, message);
    return messages;
  }
}

/** The service could not be reached. */
export class Unreachable extends RequestFailed {
  /** @param {unknown} cause */
  constructor(cause) {
    super("The service can't be reached.", { cause });
    this.name = "Unreachable";
  }
}

/**
 * What to tell a person of an error: of a 422 what is wrong with which field.
 * @param {unknown} error
 * @returns {string}
 */
export function inWords(error) {
  if (error instanceof Problem && error.errors.length > 0) {
    return error.errors.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * Whether it only says that nobody waits for the answer any more.
 * @param {unknown} error
 */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
