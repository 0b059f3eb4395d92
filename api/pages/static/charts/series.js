/** A curve's points, and what a chart asks of them. */

import { at } from "./at.js";
import { lowerBound, nearest } from "./bisect.js";

/**
 * @typedef {object} Series
 * @property {string} id
 * @property {string} label
 * @property {number} colour  of the palette, from 1
 * @property {boolean} [isDashed]
 * @property {number[]} x  rising
 * @property {number[]} y  NaN where there is no value
 * @property {number[]} [low]  of a group's members the least; with `high` drawn as an area
 * @property {number[]} [high]
 */

/** @typedef {readonly [number, number]} Range */

/**
 * @param {Series} series
 * @returns {Series} with numbers of its own, to which points can be added, and without those that x would go back for
 */
export function rising(series) {
  const { x, y, low, high } = series;
  let furthest = -Infinity;
  /** @type {number[]} */
  const kept = [];
  for (let index = 0; index < x.length; index += 1) {
    if (!(at(x, index) >= furthest) || !Number.isFinite(at(x, index))) continue;
    furthest = at(x, index);
    kept.push(index);
  }
  /** @param {number[]} numbers */
  const of = (numbers) => kept.map((index) => at(numbers, index));
  return { ...series, x: of(x), y: of(y), ...(low && { low: of(low) }), ...(high && { high: of(high) }) };
}

/**
 * @param {readonly Series[]} series
 * @param {boolean} isLog  only what is above 0
 * @returns {Range | null} from the first x of all to the last; null without points
 */
export function rangeOfX(series, isLog) {
  let first = Infinity;
  let last = -Infinity;
  for (const { x } of series) {
    const start = isLog ? lowerBound(x, Number.MIN_VALUE) : 0;
    if (start >= x.length) continue;
    first = Math.min(first, at(x, start));
    last = Math.max(last, at(x, x.length - 1));
  }
  return first <= last ? [first, last] : null;
}

/**
 * @param {Series} series
 * @param {Range} range  of x
 * @returns {Range} indices from and to (exclusive): the points in it, and one on each side, to which the line goes on
 */
export function pointsWithin({ x }, [from, to]) {
  const first = Math.max(0, lowerBound(x, from) - 1);
  let last = lowerBound(x, to);
  while (last < x.length && x[last] === to) last += 1;
  return [first, Math.min(x.length, last + 1)];
}

/**
 * @param {readonly Series[]} series
 * @param {Range} range  of x
 * @param {boolean} isLog  of y: only what is above 0
 * @returns {number[]} the values in it, those of areas too
 */
export function valuesWithin(series, range, isLog) {
  const values = [];
  for (const { x, y, low, high } of series) {
    for (let index = lowerBound(x, range[0]); index < x.length && at(x, index) <= range[1]; index += 1) {
      for (const numbers of [y, low, high]) {
        const value = numbers?.[index];
        if (value !== undefined && Number.isFinite(value) && (!isLog || value > 0)) values.push(value);
      }
    }
  }
  return values;
}

/**
 * What the lines in a window go through: the values in it, or where it lies between points, those of these.
 *
 * @param {readonly Series[]} series
 * @param {Range} range  of x
 * @param {boolean} isLog  of y
 * @returns {number[]}
 */
export function valuesSeen(series, range, isLog) {
  const inside = valuesWithin(series, range, isLog);
  if (inside.length > 0) return inside;
  return series.flatMap((one) => {
    const [from, to] = pointsWithin(one, range);
    return valuesWithin([one], [at(one.x, from), at(one.x, to - 1)], isLog);
  });
}

/**
 * @param {readonly Series[]} series
 * @param {number} x
 * @returns {number | null} the x that is nearest of all points of all series
 */
export function nearestX(series, x) {
  /** @type {number | null} */
  let found = null;
  for (const one of series) {
    const index = nearest(one.x, x);
    if (index < 0) continue;
    const candidate = at(one.x, index);
    if (found === null || Math.abs(candidate - x) < Math.abs(found - x)) found = candidate;
  }
  return found;
}

/**
 * @param {readonly Series[]} series
 * @param {number} x
 * @param {number} count  of points to go, to the left if negative
 * @returns {number | null} the x that far away among the different ones of all series, or the outermost
 */
export function stepAlong(series, x, count) {
  let place = x;
  for (let left = Math.abs(count); left > 0; left -= 1) {
    /** @type {number | null} */
    let next = null;
    for (const one of series) {
      const found = count > 0 ? firstAfter(one.x, place) : lastBefore(one.x, place);
      if (found === null) continue;
      if (next === null || (count > 0 ? found < next : found > next)) next = found;
    }
    if (next === null) break;
    place = next;
  }
  return place === x && nearestX(series, x) === null ? null : place;
}

/**
 * @param {number[]} x
 * @param {number} value
 * @returns {number | null}
 */
function firstAfter(x, value) {
  let index = lowerBound(x, value);
  while (index < x.length && x[index] === value) index += 1;
  return index < x.length ? at(x, index) : null;
}

/**
 * @param {number[]} x
 * @param {number} value
 * @returns {number | null}
 */
function lastBefore(x, value) {
  const index = lowerBound(x, value);
  return index > 0 ? at(x, index - 1) : null;
}

/**
 * @param {Series} series
 * @param {number} place  x
 * @returns {number} index of the point to read there; -1 where the series has not begun or is over
 */
export function pointAt({ x }, place) {
  const index = nearest(x, place);
  if (index < 0) return -1;
  return place < at(x, 0) || place > at(x, x.length - 1) ? -1 : index;
}
