/** @typedef {string | number | boolean | null | undefined} SortValue */

const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * The order of two values. What is not known is last, whichever way is sorted; "run 10" follows "run 9".
 * @param {SortValue} a
 * @param {SortValue} b
 * @param {1 | -1} sign  -1: the largest first
 */
export function compareValues(a, b, sign) {
  if (a == null || b == null) return Number(a == null) - Number(b == null);
  if (typeof a === "string" && typeof b === "string") return sign * words.compare(a, b);
  return sign * (Number(a) - Number(b));
}
