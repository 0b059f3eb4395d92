import { EventParser } from "./event_parser.js";
import { Unreachable, isAborted } from "./problem.js";
import { request } from "./request.js";

/** @import { StreamEvent } from "./event_parser.js" */

/**
 * The events with which a request is answered, as they come. Whoever aborts the signal, or leaves the loop, ends the
 * work on the service too.
 * @param {string} path
 * @param {{json: unknown, signal: AbortSignal}} options
 * @returns {AsyncGenerator<StreamEvent>}
 * @throws {Problem} if the service refuses it before the first event
 * @throws {Unreachable} if the connection breaks
 */
export async function* postedEvents(path, { json, signal }) {
  const response = await request("POST", path, { json, headers: { Accept: "text/event-stream" }, signal });
  if (response.body === null) return;
  const parser = new EventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw isAborted(error) ? error : new Unreachable(error);
      });
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => {}); // of a connection that is broken there is nothing to cancel
  }
}
