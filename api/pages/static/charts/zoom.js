/** How somebody changes which part of x a chart shows. */

import { isWhole, panned, WHOLE, windowOf, zoomed } from "./view_window.js";

/** @import { ChartState } from "./chart_state.js" */
/** @import { Range } from "./series.js" */
/** @import { ViewWindow } from "./view_window.js" */

/** A wheel sends many events for what is one zoom: the owner is asked for rows when it rests. */
const SETTLES_MS = 150;

/**
 * @typedef {object} ZoomListener
 * @property {() => void} changed  with each change
 * @property {(range: Range | null) => void} settled  with the last of several; x of what is then seen, null for all
 */

export class Zoom {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  #state;
  #listener;

  /**
   * @param {ChartState} state  whose window it changes
   * @param {ZoomListener} listener
   */
  constructor(state, listener) {
    this.#state = state;
    this.#listener = listener;
  }

  /** @param {Range} range  of x */
  show(range) {
    this.#show(range, false);
  }

  /**
   * @param {number} factor  below 1 shows less
   * @param {number} about  x
   */
  by(factor, about) {
    const { range, options } = this.#state;
    if (range !== null) this.#show(zoomed(range, factor, about, options.isLogX), true);
  }

  /** @param {number} share  of the width of what is seen, to the left if negative */
  pan(share) {
    const { range, view, options } = this.#state;
    if (range !== null && !isWhole(view)) this.#show(panned(range, share, options.isLogX), true);
  }

  /**
   * As far as it takes to see a place.
   * @param {number} x
   */
  moveTo(x) {
    const { range } = this.#state;
    if (range === null) return;
    const beyond = x - Math.min(Math.max(x, range[0]), range[1]);
    if (beyond !== 0) this.#show([range[0] + beyond, range[1] + beyond], true);
  }

  reset() {
    if (!isWhole(this.#state.view)) this.#set(WHOLE, false);
  }

  /** Move on with the newest points, or no longer. */
  toggleFollows() {
    const { view } = this.#state;
    this.#set({ ...view, follows: !view.follows }, false);
  }

  /** Nothing is told any more of what was changed last. */
  forget() {
    clearTimeout(this.#settling);
  }

  /**
   * @param {Range} range
   * @param {boolean} isOneOfMany  others may follow at once
   */
  #show(range, isOneOfMany) {
    const { whole } = this.#state;
    if (whole !== null) this.#set(windowOf(range, whole), isOneOfMany);
  }

  /**
   * @param {ViewWindow} view
   * @param {boolean} isOneOfMany
   */
  #set(view, isOneOfMany) {
    this.#state.view = view;
    this.#listener.changed();
    clearTimeout(this.#settling);
    const tell = () => this.#listener.settled(isWhole(this.#state.view) ? null : this.#state.range);
    if (isOneOfMany) this.#settling = setTimeout(tell, SETTLES_MS);
    else tell();
  }
}
