import assert from "node:assert/strict";
import { averageOf, lineThrough, percentAbove } from "../../../../api/pages/static/views/compare/averages.js";

Deno.test("a line goes straight between points, over gaps, and is nowhere beyond its ends", () => {
  const line = lineThrough({ x: [0, 1, 2], y: [4, NaN, 2] });
  assert.deepEqual([-1, 0, 0.5, 1, 2, 3].map(line), [NaN, 4, 3.5, 3, 2, NaN]);
  assert.equal(lineThrough({ x: [], y: [] })(0), NaN);
});

Deno.test("a mean is taken at every x of one of the curves, of those that are there", () => {
  const { x, y, low, high } = averageOf([
    { x: [0, 10, 20], y: [4, 2, 2] },
    { x: [0, 5], y: [6, 5] },
  ]);
  assert.deepEqual(x, [0, 5, 10, 20]);
  assert.deepEqual(y, [5, 4, 2, 2]);
  assert.deepEqual(low, [4, 3, 2, 2]);
  assert.deepEqual(high, [6, 5, 2, 2]);
});

Deno.test("how far a curve is above another is in % of that, where that has values", () => {
  const percent = percentAbove({ x: [0, 1, 2], y: [2, 3, 1] }, lineThrough({ x: [0, 1], y: [2, 2] }));
  assert.deepEqual(percent, [0, 50, NaN]);
});
