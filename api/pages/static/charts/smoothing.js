import { at } from "./at.js";

/**
 * Exponential smoothing with bias correction.
 *
 * A point weighs by the distance since the point before it, in units of the usual one. So what is smoothed does not
 * change its course where the server left out rows, as it does between the extremes that it keeps of long jobs.
 *
 * @param {ArrayLike<number>} x  rising
 * @param {ArrayLike<number>} y  NaN where there is none: a gap, which is no value
 * @param {number} weight  of what came before, from 0 (nothing is smoothed) to below 1
 * @returns {number[]} as long as `y`, NaN where it is
 */
export function smoothed(x, y, weight) {
  const result = Array.from({ length: y.length }, () => NaN);
  const unit = usualDistance(x, y);
  let sum = 0;
  let sumOfWeights = 0;
  let before = NaN;
  for (let index = 0; index < y.length; index += 1) {
    const value = at(y, index);
    if (!Number.isFinite(value)) continue;
    const distance = Number.isNaN(before) ? 1 : (at(x, index) - before) / unit;
    const kept = weight ** distance;
    sum = sum * kept + value * (1 - kept);
    sumOfWeights = sumOfWeights * kept + (1 - kept);
    result[index] = sumOfWeights > 0 ? sum / sumOfWeights : value;
    before = at(x, index);
  }
  return result;
}

/**
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} y
 * @returns {number} the mean distance of points that have a value, 1 where there are not two
 */
function usualDistance(x, y) {
  let first = NaN;
  let last = NaN;
  let count = 0;
  for (let index = 0; index < y.length; index += 1) {
    if (!Number.isFinite(at(y, index))) continue;
    if (count === 0) first = at(x, index);
    last = at(x, index);
    count += 1;
  }
  return count > 1 && last > first ? (last - first) / (count - 1) : 1;
}
