import { Component } from "../dom/component.js";
import { h, fill, make } from "../dom/h.js";
import { ago, fullTime } from "../format/times.js";

/** Times since are shown anew as often. */
const RENEWED_MS = 10_000;

/** How long ago something was, which stays true while it is shown; the whole date and time when it is pointed at. */
export class TimeSince extends Component {
  at = "";
  /** @type {(time: string) => string} */
  words = ago;

  #time = h("time");

  build() {
    this.append(this.#time);
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    shown.add(this);
    signal.addEventListener("abort", () => shown.delete(this));
    timer ??= setInterval(renew, RENEWED_MS);
  }

  render() {
    this.#time.dateTime = this.at;
    this.#time.title = fullTime(this.at);
    fill(this.#time, this.words(this.at));
  }
}
customElements.define("time-since", TimeSince);

/**
 * @param {string} at  RFC 3339
 * @param {{words?: (time: string) => string, class?: string}} [options]  words: what is said of it, "3 min ago" as a rule
 */
export function timeSince(at, { words = ago, class: name } = {}) {
  return make(TimeSince, { at, words }, { class: name });
}

/** @type {Set<TimeSince>} One timer has all of them renewed: a long table has hundreds. */
const shown = new Set();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

function renew() {
  for (const element of shown) element.render();
  if (shown.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
