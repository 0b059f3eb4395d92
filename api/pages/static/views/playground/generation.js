import { Problem, RequestFailed, Unreachable, isAborted } from "../../http/problem.js";
import { postedEvents } from "../../http/posted_events.js";
import { textOf } from "../../format/tokens.js";

/** @import { ShownToken } from "../../components/token_text.js" */
/** @import { GenerateRequest, GenerationRecord, LikelyToken, TokenLogprob } from "../../types/records.d.ts" */

/**
 * One text as it is generated.
 *
 * Events: `change`.
 */
export class Generation extends EventTarget {
  /** @type {"idle" | "waiting" | "streaming" | "done" | "stopped" | "failed"} */
  state = "idle";
  /** @type {ShownToken[]} */
  tokens = [];
  /** @type {GenerationRecord | null} Once it is done. */
  record = null;
  /** @type {Error | null} */
  error = null;
  /** @type {TokenLogprob[]} */
  #logprobs = [];
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** @type {number[]} Bytes of a character that is not whole yet. */
  #part = [];

  get isRunning() {
    return this.state === "waiting" || this.state === "streaming";
  }

  /**
   * @param {Partial<GenerateRequest>} request
   * @param {AbortSignal} signal  stops it, on the service too
   */
  async run(request, signal) {
    this.#clear();
    this.#become("waiting");
    try {
      for await (const { type, data } of postedEvents("generate", { json: { ...request, stream: true }, signal })) {
        const heard = JSON.parse(data);
        if (type === "error") throw new Problem(heard.status, heard);
        if (type === "generation") this.#end(heard);
        else this.#take(heard.logprobs ?? []);
      }
      if (this.record === null) throw new Unreachable("the stream ended in the middle");
    } catch (error) {
      if (isAborted(error)) return this.#become("stopped");
      if (!(error instanceof RequestFailed)) throw error;
      this.error = error;
      this.#become("failed");
    }
  }

  /**
   * The text up to a token, with an alternative in its place.
   * @param {number} index
   * @param {number} alternative
   * @returns {string | null} null where that is no text
   */
  textWith(index, alternative) {
    const other = this.#logprobs[index]?.top[alternative];
    return other === undefined ? null : textOf([...this.#logprobs.slice(0, index), other]);
  }

  #clear() {
    this.tokens = [];
    this.record = null;
    this.error = null;
    this.#logprobs = [];
    this.#part = [];
    this.#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  }

  /** @param {TokenLogprob[]} logprobs */
  #take(logprobs) {
    for (const token of logprobs) {
      const before = this.#part;
      const alternatives = token.top.map((other) => this.#alternative(other, before));
      const text = this.#decoder.decode(Uint8Array.from(token.bytes), { stream: true });
      this.#part = textOf([{ bytes: [...before, ...token.bytes] }]) === null ? [...before, ...token.bytes] : [];
      this.#logprobs.push(token);
      this.tokens.push({ text, nats: natsOf(token), rank: token.rank, alternatives });
    }
    this.#become("streaming");
  }

  /**
   * @param {LikelyToken} token
   * @param {number[]} before  bytes of a character that it may complete
   */
  #alternative(token, before) {
    const text = before.length === 0 ? textOf([token]) : textOf([{ bytes: [...before, ...token.bytes] }]);
    return { text: text ?? token.token, nats: natsOf(token), isUsable: text !== null };
  }

  /** @param {GenerationRecord} record */
  #end(record) {
    const logprobs = record.logprobs ?? [];
    // A stop string takes tokens away again; what is there already stays as it is.
    this.tokens = this.tokens.slice(0, logprobs.length);
    this.#take(logprobs.slice(this.tokens.length));
    this.record = record;
    this.#become("done");
  }

  /** @param {Generation["state"]} state */
  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {{logprob?: number | null}} token */
function natsOf({ logprob }) {
  return logprob == null ? null : -logprob;
}
