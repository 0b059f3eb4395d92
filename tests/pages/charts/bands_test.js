import assert from "node:assert/strict";
import { bucketsOf, bucketWidth } from "../../../api/pages/static/charts/bands.js";

/** @param {number} value */
const same = (value) => value;

Deno.test("of each bucket the least, the greatest and the last value are kept", () => {
  const buckets = bucketsOf([0, 1, 2, 3, 4, 5], [5, 9, 1, 4, 4, 2], 0, 6, same, 3);
  assert.deepEqual(buckets, [
    { x: 2, low: 1, high: 9, last: 1 },
    { x: 5, low: 2, high: 4, last: 2 },
  ]);
});

Deno.test("no spike is lost, wherever it is", () => {
  const x = Array.from({ length: 10_000 }, (_, index) => index);
  for (const place of [0, 1, 4999, 5000, 9999]) {
    const y = x.map((index) => (index === place ? 99 : 1));
    const buckets = bucketsOf(x, y, 0, x.length, (value) => value / 20, 1);
    assert.equal(Math.max(...buckets.map(({ high }) => high)), 99);
    assert.ok(buckets.length <= 500);
  }
});

Deno.test("a bucket without a value is left out", () => {
  const buckets = bucketsOf([0, 1, 2], [1, NaN, 3], 0, 3, same, 1);
  assert.deepEqual(buckets.map(({ x }) => x), [0, 2]);
  assert.deepEqual(bucketsOf([], [], 0, 0, same, 1), []);
});

Deno.test("as long as there is room, each point is drawn", () => {
  assert.equal(bucketWidth(1000, 1000), 0);
  assert.equal(bucketWidth(2000, 1000), 4);
  assert.equal(bucketWidth(100_000, 1000), 1);
});
