/** The range of y that shows a curve well. */

import { at } from "./at.js";

const MOST_OUTSIDE = 0.02;
const FAR = 3;

/**
 * @typedef {object} ValueRange
 * @property {number} low
 * @property {number} high
 * @property {number} outside  how many values lie beyond it
 */

/**
 * The range of the values without outliers: a few values (at most a fiftieth) that would make the others' part of the
 * picture less than a quarter as high. Only those are left out: the high losses with which every job begins are not.
 *
 * @param {readonly number[]} values  NaN where there is none
 * @param {boolean} clips  false: outliers count too
 * @returns {ValueRange | null} null without any value
 */
export function valueRange(values, clips) {
  const sorted = Float64Array.from(values.filter((value) => Number.isFinite(value))).toSorted();
  if (sorted.length === 0) return null;
  const last = sorted.length - 1;
  const whole = { low: at(sorted, 0), high: at(sorted, last), outside: 0 };
  if (!clips || sorted.length < 1 / MOST_OUTSIDE) return whole;
  const skipped = Math.floor((sorted.length * MOST_OUTSIDE) / 2);
  const low = at(sorted, skipped);
  const high = at(sorted, last - skipped);
  const reach = FAR * (high - low);
  // A curve that is constant but for some values is about those.
  if (!(reach > 0)) return whole;
  const near = sorted.filter((value) => value >= low - reach && value <= high + reach);
  return { low: at(near, 0), high: at(near, near.length - 1), outside: sorted.length - near.length };
}
