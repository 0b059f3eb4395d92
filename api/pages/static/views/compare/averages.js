/** Several curves as one: their mean, and from the least to the greatest of them. */

import { at } from "../../charts/at.js";
import { lowerBound } from "../../charts/bisect.js";

/** @typedef {{x: readonly number[], y: readonly number[]}} Points  x rising */

/**
 * A curve between its points; NaN before the first and behind the last.
 * @param {Points} points
 * @returns {(x: number) => number}
 */
export function lineThrough(points) {
  const { x, y } = known(points);
  return (place) => {
    if (x.length === 0 || place < at(x, 0) || place > at(x, x.length - 1)) return NaN;
    const after = lowerBound(x, place);
    if (at(x, after) === place) return at(y, after);
    const share = (place - at(x, after - 1)) / (at(x, after) - at(x, after - 1));
    return at(y, after - 1) + share * (at(y, after) - at(y, after - 1));
  };
}

/**
 * At every x of one of them, the mean, the least and the greatest of those that have come so far and not ended.
 * @param {readonly Points[]} members
 * @returns {{x: number[], y: number[], low: number[], high: number[]}}
 */
export function averageOf(members) {
  const lines = members.map(lineThrough);
  const all = Float64Array.from(new Set(members.flatMap((points) => [...known(points).x]))).toSorted();
  /** @type {{x: number[], y: number[], low: number[], high: number[]}} */
  const result = { x: [...all], y: [], low: [], high: [] };
  for (const x of result.x) {
    const values = lines.map((line) => line(x)).filter(Number.isFinite);
    result.y.push(values.reduce((sum, value) => sum + value, 0) / values.length);
    result.low.push(Math.min(...values));
    result.high.push(Math.max(...values));
  }
  return result;
}

/**
 * How far a curve is above another one, in % of that.
 * @param {Points} points
 * @param {(x: number) => number} baseline
 * @returns {number[]} of each point; NaN where the other has no value
 */
export function percentAbove({ x, y }, baseline) {
  return y.map((value, index) => 100 * (value / baseline(at(x, index)) - 1));
}

/**
 * @param {Points} points
 * @returns {Points} without gaps
 */
function known({ x, y }) {
  if (x.every((value, index) => Number.isFinite(value) && Number.isFinite(at(y, index)))) return { x, y };
  const kept = [...x.keys()].filter((index) => Number.isFinite(at(x, index)) && Number.isFinite(at(y, index)));
  return { x: kept.map((index) => at(x, index)), y: kept.map((index) => at(y, index)) };
}
