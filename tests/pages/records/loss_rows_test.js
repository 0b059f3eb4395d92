import assert from "node:assert/strict";
import { row } from "../loss_rows.js";
import { nearestIndex, withFiner, withRow } from "../../../api/pages/static/records/loss_rows.js";

/** @import { LossRecord } from "../../../api/pages/static/types/records.d.ts" */

/** @param {LossRecord[]} rows */
const steps = (rows) => rows.map(({ step }) => step);

Deno.test("a row that has come is the last one", () => {
  assert.deepEqual(steps(withRow([row(0), row(5)], row(10))), [0, 5, 10]);
});

Deno.test("one that is computed again takes the place of the one before", () => {
  const rows = withRow([row(0), row(5, 9), row(10)], row(5, 4));
  assert.deepEqual(rows.map(({ step, val_loss }) => [step, val_loss]), [[0, 5], [5, 4], [10, 5]]);
});

Deno.test("one that comes late stands in the order of steps", () => {
  assert.deepEqual(steps(withRow([row(0), row(10)], row(5))), [0, 5, 10]);
});

Deno.test("finer rows stand in place of those of their part", () => {
  assert.deepEqual(steps(withFiner([row(0), row(10), row(20), row(30)], [row(8), row(10), row(12), row(20)])), [0, 8, 10, 12, 20, 30]);
  assert.deepEqual(steps(withFiner([row(0), row(10)], [])), [0, 10]);
});

Deno.test("the nearest row is found, the earlier of two that are equally near", () => {
  const rows = [row(0), row(10), row(20)];
  assert.deepEqual([-5, 4, 5, 6, 19, 99].map((step) => nearestIndex(rows, step)), [0, 0, 0, 1, 2, 2]);
  assert.equal(nearestIndex([], 4), -1);
});
