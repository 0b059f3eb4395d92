/** What pointers and keys have done to a chart, noted instead of being shown. */

/** @import { ChartState } from "../../../api/pages/static/charts/chart_state.js" */

/** @param {ChartState} state  whose cursor is moved as the element would move it */
export function notedEffects(state) {
  /** @type {[string, unknown][]} */
  const noted = [];
  return {
    noted,
    /** @param {number | null} x */
    moveCursor: (x) => {
      state.cursor = x;
      noted.push(["moveCursor", x]);
    },
    /** @param {string | null} id */
    pointAtCurve: (id) => noted.push(["pointAtCurve", id]),
    /** @param {readonly [number, number] | null} pixels */
    select: (pixels) => noted.push(["select", pixels]),
    /** @param {number} x */
    pick: (x) => noted.push(["pick", x]),
    /** @param {number} x */
    say: (x) => noted.push(["say", x]),
  };
}
