import assert from "node:assert/strict";
import { nearestX, pointAt, pointsWithin, rangeOfX, rising, stepAlong, valuesSeen, valuesWithin } from "../../../api/pages/static/charts/series.js";

/**
 * @param {number[]} x
 * @param {number[]} y
 */
const series = (x, y = x) => ({ id: "id", label: "label", colour: 1, x, y });
const two = [series([0, 5, 10]), series([3, 5, 20])];

Deno.test("points without an x are left out, and those with which x would go back", () => {
  const group = { ...series([0, 5, NaN, 10, 7, 10, 12], [1, 2, 3, 4, 5, 6, 7]), low: [0, 1, 2, 3, 4, 5, 6] };
  const { x, y, low, high } = rising(group);
  assert.deepEqual({ x, y, low, high }, { x: [0, 5, 10, 10, 12], y: [1, 2, 4, 6, 7], low: [0, 1, 3, 5, 6], high: undefined });
});

Deno.test("a chart's series has numbers of its own: several may be given the same x", () => {
  const given = series([0, 1]);
  const own = rising(given);
  own.x.push(2);
  assert.deepEqual([given.x, own.x], [[0, 1], [0, 1, 2]]);
});

Deno.test("the range of x is that of all series, on a logarithmic axis from the first above 0", () => {
  assert.deepEqual(rangeOfX(two, false), [0, 20]);
  assert.deepEqual(rangeOfX(two, true), [3, 20]);
  assert.equal(rangeOfX([series([])], false), null);
});

Deno.test("what is drawn of a window has a point on each side of it", () => {
  assert.deepEqual(pointsWithin(series([0, 5, 10, 15, 20]), [6, 14]), [1, 4]);
  assert.deepEqual(pointsWithin(series([0, 5, 10]), [0, 10]), [0, 3]);
});

Deno.test("the values of a window are those in it, with a group's least and greatest", () => {
  const group = { ...series([0, 5, 10], [1, 2, 3]), low: [0, 1, 2], high: [2, 9, 4] };
  assert.deepEqual(valuesWithin([group], [4, 10], false), [2, 1, 9, 3, 2, 4]);
  assert.deepEqual(valuesWithin([series([0, 1], [-1, 2])], [0, 1], true), [2]);
});

Deno.test("a window between two points shows the line that they have", () => {
  assert.deepEqual(valuesSeen([series([0, 10], [3, 8])], [4, 6], false), [3, 8]);
  assert.deepEqual(valuesSeen([series([0, 5, 10], [3, 4, 8])], [4, 6], false), [4]);
  assert.deepEqual(valuesSeen([series([])], [4, 6], false), []);
});

Deno.test("the cursor goes from point to point of all series and stops at the ends", () => {
  const places = [0, 3, 5, 10, 20];
  places.forEach((place, index) => {
    assert.equal(stepAlong(two, place, 1), places[Math.min(index + 1, 4)]);
    assert.equal(stepAlong(two, place, -1), places[Math.max(index - 1, 0)]);
  });
  assert.equal(stepAlong(two, 0, 10), 20);
  assert.equal(stepAlong([series([])], 0, 1), null);
});

Deno.test("the nearest x is that of any series", () => {
  assert.equal(nearestX(two, 3.9), 3);
  assert.equal(nearestX(two, 16), 20);
  assert.equal(nearestX([], 16), null);
});

Deno.test("where a series has not begun or is over, nothing is read of it", () => {
  assert.equal(pointAt(series([5, 10]), 7), 0);
  assert.equal(pointAt(series([5, 10]), 4), -1);
  assert.equal(pointAt(series([5, 10]), 11), -1);
});
