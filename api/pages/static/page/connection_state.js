import { Component } from "../dom/component.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";
import { events, session } from "./services.js";

/** @import { StreamState } from "../http/event_stream.js" */

await stylesheet(import.meta.url, "connection_state.css");

/** @type {Record<StreamState, string>} */
const WORDS = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  paused: "Paused",
  ended: "Not live",
};

/** @type {Record<StreamState, string>} */
const EXPLANATIONS = {
  connecting: "",
  live: "What happens is shown as it happens.",
  reconnecting: "The service does not answer. It is tried again by itself; click to try at once.",
  paused: "Nothing is asked while nobody looks.",
  ended: "The service refuses the stream of events. Reload the page.",
};

/** Whether what is shown is what happens now. */
export class ConnectionState extends Component {
  #words = h("span", { class: "connection-words" });
  #button = h(
    "button",
    { type: "button", class: "connection", on: { click: () => events.retry() } },
    h("span", { class: "connection-dot", "aria-hidden": "true" }),
    this.#words,
  );

  build() {
    // Said by screen readers when the connection is lost and when it is back.
    this.append(h("span", { role: "status" }, this.#button));
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    events.addEventListener("state", () => this.changed(), { signal });
    session.addEventListener("change", () => this.changed(), { signal });
  }

  render() {
    this.hidden = session.record === null;
    fill(this.#words, WORDS[events.state]);
    this.#button.dataset.state = events.state;
    this.#button.title = EXPLANATIONS[events.state];
    this.#button.disabled = events.state !== "reconnecting";
  }
}
customElements.define("connection-state", ConnectionState);
