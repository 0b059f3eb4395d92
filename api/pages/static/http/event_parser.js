/**
 * Server-sent events from the text of a stream (WHATWG HTML, section 9.2.6), however it is cut into pieces.
 * @typedef {{type: string, data: string, id: string}} StreamEvent
 */
export class EventParser {
  /** Of the last event that had one: where a client that comes back goes on. */
  lastId = "";
  /** @type {number | null} Milliseconds after which the server wants a client to come back. */
  retryMs = null;
  #rest = "";
  #type = "";
  /** @type {string[]} */
  #data = [];

  /**
   * @param {string} text  the next piece of the stream
   * @returns {StreamEvent[]} those that it completes
   */
  push(text) {
    const whole = this.#rest + text;
    // A line may end in the next piece: "\r" at the end of this one may be half of "\r\n".
    const end = Math.max(whole.lastIndexOf("\n"), whole.lastIndexOf("\r", whole.length - 2)) + 1;
    this.#rest = whole.slice(end);
    return whole
      .slice(0, end)
      .split(/\r\n|\n|\r/)
      .slice(0, -1)
      .flatMap((line) => this.#read(line));
  }

  /**
   * @param {string} line
   * @returns {StreamEvent[]}
   */
  #read(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return [];
  }

  /** @returns {StreamEvent[]} */
  #dispatch() {
    const event = { type: this.#type || "message", data: this.#data.join("\n"), id: this.lastId };
    const isEmpty = this.#data.length === 0;
    this.#type = "";
    this.#data = [];
    return isEmpty ? [] : [event];
  }
}
