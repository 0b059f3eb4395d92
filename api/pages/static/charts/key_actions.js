/** What keys do to a chart. */

import { nearestX, rangeOfX, stepAlong } from "./series.js";
import { isWhole } from "./view_window.js";

/** @import { ChartState } from "./chart_state.js" */
/** @import { KeyAction } from "./keys.js" */
/** @import { Zoom } from "./zoom.js" */

/**
 * @typedef {object} KeyEffects
 * @property {(x: number | null) => void} moveCursor
 * @property {(x: number) => void} say  what there is at it
 * @property {(pixels: null) => void} select
 * @property {(x: number) => void} pick
 */

/**
 * @param {KeyAction} action
 * @param {ChartState} state
 * @param {Zoom} zoom
 * @param {KeyEffects} effects
 * @returns {boolean} whether there was something to do
 */
export function act(action, state, zoom, effects) {
  const { range, cursor, shown, options } = state;
  if (range === null) return false;
  /** @param {number | null} x */
  const go = (x) => goTo(x, state, zoom, effects);
  switch (action.does) {
    case "step":
      return go(cursor === null ? range[1] : stepAlong(shown, cursor, action.count));
    case "first":
      return go(rangeOfX(shown, options.isLogX)?.[0] ?? null);
    case "last":
      return go(rangeOfX(shown, options.isLogX)?.[1] ?? null);
    case "zoom":
      zoom.by(action.factor, cursor ?? (range[0] + range[1]) / 2);
      return true;
    case "reset":
      zoom.reset();
      return true;
    case "pick":
      if (cursor !== null) effects.pick(cursor);
      return cursor !== null;
    case "escape":
      return escape(state, zoom, effects);
  }
}

/**
 * The cursor to a point, and the window after it.
 *
 * @param {number | null} x
 * @param {ChartState} state
 * @param {Zoom} zoom
 * @param {KeyEffects} effects
 */
function goTo(x, state, zoom, effects) {
  const place = x === null ? null : nearestX(state.shown, x);
  if (place === null) return false;
  effects.moveCursor(place);
  effects.say(place);
  zoom.moveTo(place);
  return true;
}

/**
 * One thing after the other is taken away: what is dragged over, the cursor, the zoom.
 *
 * @param {ChartState} state
 * @param {Zoom} zoom
 * @param {KeyEffects} effects
 */
function escape({ selection, cursor, view }, zoom, effects) {
  if (selection !== null) effects.select(null);
  else if (cursor !== null) effects.moveCursor(null);
  else if (!isWhole(view)) zoom.reset();
  else return false;
  return true;
}
