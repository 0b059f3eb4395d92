import assert from "node:assert/strict";
import { smoothed } from "../../../api/pages/static/charts/smoothing.js";

/**
 * @param {number} actual
 * @param {number} expected
 */
function near(actual, expected) {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}

Deno.test("without weight nothing is smoothed", () => {
  assert.deepEqual(smoothed([0, 1, 2], [3, 1, 2], 0), [3, 1, 2]);
});

Deno.test("the first value is itself: the bias of the start is corrected", () => {
  const [first = NaN, second = NaN] = smoothed([0, 1], [10, 4], 0.9);
  near(first, 10);
  near(second, (0.9 * 10 + 4) / 1.9);
});

Deno.test("a constant stays what it is, however the points lie", () => {
  for (const value of smoothed([0, 1, 5, 6, 40], [2, 2, 2, 2, 2], 0.97)) near(value, 2);
});

Deno.test("a gap has no value, and the course goes on after it", () => {
  const values = smoothed([0, 1, 2, 3], [4, NaN, 4, 4], 0.5);
  assert.ok(Number.isNaN(values[1]));
  near(values[3] ?? NaN, 4);
});

Deno.test("rows left out between two of equal value do not change the course", () => {
  // Each value stands for the stretch since the one before: two points a step apart weigh as one two steps after.
  const dense = smoothed([0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1, 1], 0.6);
  const sparse = smoothed([0, 2, 3, 4, 6], [0, 0, 1, 1, 1], 0.6 ** 1.5);
  assert.ok(Math.abs((dense[6] ?? NaN) - (sparse[4] ?? NaN)) < 0.05);
});

Deno.test("several values at one x, and one value alone, are no division by zero", () => {
  for (const value of smoothed([3, 3, 3], [1, 2, 3], 0.9)) assert.ok(Number.isFinite(value));
  assert.deepEqual(smoothed([3], [1], 0.9), [1]);
  assert.deepEqual(smoothed([], [], 0.9), []);
});
