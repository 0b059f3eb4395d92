/** Searches in rising numbers. */

import { at } from "./at.js";

/**
 * @param {ArrayLike<number>} sorted  rising
 * @param {number} value
 * @returns {number} how many are smaller than `value`, which is the index of the first that is not
 */
export function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(sorted, middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {ArrayLike<number>} sorted  rising
 * @param {number} value
 * @returns {number} the index of the nearest, the earlier of two that are equally near; -1 if there is none
 */
export function nearest(sorted, value) {
  if (sorted.length === 0) return -1;
  const after = lowerBound(sorted, value);
  if (after === 0) return 0;
  if (after === sorted.length) return after - 1;
  return value - at(sorted, after - 1) <= at(sorted, after) - value ? after - 1 : after;
}
