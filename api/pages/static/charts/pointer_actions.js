/** What pointers on its plot do to a chart. */

import { at } from "./at.js";
import { nearestX, pointAt } from "./series.js";

/** @import { ChartState } from "./chart_state.js" */
/** @import { GestureTarget } from "./gestures.js" */
/** @import { Zoom } from "./zoom.js" */

/** So near a curve the pointer means it. */
const NEAR_PIXELS = 14;

/**
 * @typedef {object} PointerEffects
 * @property {(x: number | null) => void} moveCursor
 * @property {(id: string | null) => void} pointAtCurve
 * @property {(pixels: readonly [number, number] | null) => void} select  from the left of the area
 * @property {(x: number) => void} pick
 */

/**
 * @param {ChartState} state
 * @param {Zoom} zoom
 * @param {PointerEffects} effects
 * @returns {Omit<GestureTarget, "takesWheel">}
 */
export function pointerActions(state, zoom, effects) {
  return {
    point: (x, y) => {
      if (state.area === null) return;
      effects.moveCursor(nearestX(state.shown, state.xAt(x)));
      // Of two curves none is hard to follow: dimming the other would only flicker.
      if (state.shown.length > 2) effects.pointAtCurve(curveNear(y - state.area.top, state));
    },
    selecting: (from, to) => {
      const left = state.area?.left ?? 0;
      effects.select([from - left, to - left]);
    },
    selected: (from, to) => {
      effects.select(null);
      if (state.area !== null) zoom.show([state.xAt(Math.min(from, to)), state.xAt(Math.max(from, to))]);
    },
    unselected: () => effects.select(null),
    pick: (x) => {
      const place = nearestX(state.shown, state.xAt(x));
      if (place !== null) effects.pick(place);
    },
    reset: () => zoom.reset(),
    zoom: (factor, about) => zoom.by(factor, state.xAt(about)),
    pan: (pixels) => {
      if (state.area !== null) zoom.pan(pixels / state.area.width);
    },
  };
}

/**
 * @param {number} pixel  from the top of the area
 * @param {ChartState} state
 * @returns {string | null} id of the curve that is nearest there, at the cursor's x
 */
function curveNear(pixel, { shown, area, cursor }) {
  if (cursor === null || area === null) return null;
  let found = null;
  let least = NEAR_PIXELS;
  for (const series of shown) {
    const index = pointAt(series, cursor);
    const distance = index < 0 ? Infinity : Math.abs(area.y.to(at(series.y, index)) - pixel);
    if (distance < least) {
      least = distance;
      found = series.id;
    }
  }
  return found;
}
