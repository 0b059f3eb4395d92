import assert from "node:assert/strict";
import { compareValues } from "../../../api/pages/static/components/sorting.js";

/** @import { SortValue } from "../../../api/pages/static/components/sorting.js" */

/**
 * @param {SortValue[]} values
 * @param {1 | -1} sign
 */
function sorted(values, sign) {
  return values.toSorted((a, b) => compareValues(a, b, sign));
}

Deno.test("what is not known is last, whichever way is sorted", () => {
  assert.deepEqual(sorted([2, null, 10, undefined, 1], 1).slice(0, 3), [1, 2, 10]);
  assert.deepEqual(sorted([2, null, 10, undefined, 1], -1).slice(0, 3), [10, 2, 1]);
});

Deno.test("names are sorted as people count, without regard to case", () => {
  assert.deepEqual(sorted(["run 10", "Run 9", "alpha"], 1), ["alpha", "Run 9", "run 10"]);
});

Deno.test("what is true is larger than what is not", () => {
  assert.deepEqual(sorted([false, true, false], -1), [true, false, false]);
});
