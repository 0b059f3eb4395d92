/**
 * @param {ArrayLike<number>} numbers
 * @param {number} index
 * @returns {number} NaN beyond the ends
 */
export function at(numbers, index) {
  return numbers[index] ?? NaN;
}
