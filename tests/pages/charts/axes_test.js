import assert from "node:assert/strict";
import { interpolation, stepsPerEpochOf, xOf } from "../../../api/pages/static/charts/axes.js";

/**
 * Evaluations of a job: every `every` steps, and after the last.
 * @param {number} stepsPerEpoch
 * @param {number} epochs
 * @param {number} every
 */
function rowsOf(stepsPerEpoch, epochs, every) {
  const rows = [];
  const steps = stepsPerEpoch * epochs;
  for (let step = 0; step < steps; step += 1) {
    if (step % every !== 0 && step !== steps - 1) continue;
    rows.push({ step, epoch: Math.floor(step / stepsPerEpoch) + 1, tokens_seen: (step + 1) * 512, elapsed_s: step * 2 });
  }
  return rows;
}

Deno.test("x can be steps, epochs, tokens or time", () => {
  const rows = rowsOf(9, 10, 5);
  assert.equal(xOf(rows, "step")[1], 5);
  assert.equal(xOf(rows, "epoch").at(-1), 10);
  assert.equal(xOf(rows, "tokens")[0], 512);
  assert.equal(xOf(rows, "time")[1], 10);
});

Deno.test("what is not known of a row has no x", () => {
  assert.deepEqual(xOf([{ step: 0, epoch: 1, tokens_seen: 512 }], "time"), [NaN]);
});

Deno.test("the steps of an epoch follow from the epochs of rows", () => {
  for (const [steps, epochs, every] of /** @type {const} */ ([[9, 10, 5], [1, 30, 5], [100, 3, 7], [4096, 2, 1000]])) {
    const found = stepsPerEpochOf(rowsOf(steps, epochs, every));
    // No better than the rows tell: two evaluations around the end of an epoch are `every` steps apart.
    assert.ok(Math.abs(found - steps) <= every / (epochs - 1), `${found} for ${steps}`);
  }
  assert.equal(stepsPerEpochOf(rowsOf(9, 10, 5)), 9);
  assert.ok(Number.isNaN(stepsPerEpochOf([])));
});

Deno.test("one kind of x becomes another along the rows, and beyond them straight on", () => {
  const toTokens = interpolation([0, 10, 20], [512, 5632, 5732]);
  assert.equal(toTokens(5), 3072);
  assert.equal(toTokens(15), 5682);
  assert.equal(toTokens(-1), 0);
  assert.equal(toTokens(30), 5832);
});

Deno.test("points that are unknown or repeated are passed over; one alone leads nowhere", () => {
  assert.equal(interpolation([0, 0, NaN, 10], [0, 5, 7, 10])(5), 5);
  assert.ok(Number.isNaN(interpolation([3], [4])(3)));
});
