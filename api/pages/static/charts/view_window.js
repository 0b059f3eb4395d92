/** Which part of x a chart shows. */

/**
 * @typedef {object} ViewWindow
 * @property {number | null} from  null: from the first point
 * @property {number | null} to  null: to the newest
 * @property {boolean} follows  moves on as points come, as wide as it is
 */

/** @typedef {readonly [number, number]} Range */

/** @type {ViewWindow} */
export const WHOLE = Object.freeze({ from: null, to: null, follows: false });

/** @param {ViewWindow} view */
export function isWhole(view) {
  return view.from === null && view.to === null;
}

/**
 * @param {ViewWindow} view
 * @param {Range} all  of the points that there are
 * @returns {Range} what is shown
 */
export function shownRange(view, all) {
  if (isWhole(view)) return all;
  const from = view.from ?? all[0];
  const to = view.to ?? all[1];
  return view.follows ? [all[1] - (to - from), all[1]] : [from, to];
}

/**
 * @param {Range} shown
 * @param {number} factor  below 1 shows less
 * @param {number} about  the x that stays where it is
 * @param {boolean} isLog
 * @returns {Range}
 */
export function zoomed([from, to], factor, about, isLog = false) {
  if (isLog) {
    const [low, high] = zoomed([Math.log(from), Math.log(to)], factor, Math.log(about));
    return [Math.exp(low), Math.exp(high)];
  }
  return [about - (about - from) * factor, about + (to - about) * factor];
}

/**
 * @param {Range} shown
 * @param {number} share  of its width, to the left if negative
 * @param {boolean} isLog
 * @returns {Range}
 */
export function panned([from, to], share, isLog = false) {
  if (isLog) {
    const [low, high] = panned([Math.log(from), Math.log(to)], share);
    return [Math.exp(low), Math.exp(high)];
  }
  const way = (to - from) * share;
  return [from + way, to + way];
}

/**
 * A window of the points that there are: moved so that it shows nothing beyond them, and the whole if it is as wide.
 *
 * @param {Range} wanted
 * @param {Range} all
 * @param {boolean} follows
 * @returns {ViewWindow}
 */
export function windowOf([from, to], all, follows = false) {
  const width = to - from;
  if (!(width > 0) || width >= (all[1] - all[0]) * (1 - 1e-9)) return WHOLE;
  const start = Math.min(Math.max(from, all[0]), all[1] - width);
  return { from: start, to: start + width, follows };
}
