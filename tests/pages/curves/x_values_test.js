import assert from "node:assert/strict";
import { xValues } from "../../../api/pages/static/curves/x_values.js";

/**
 * @param {number} step
 * @param {number | null} elapsed_s
 */
const loss = (step, elapsed_s) => /** @type {any} */ ({ step, epoch: 1, tokens_seen: (step + 1) * 512, elapsed_s });
/**
 * @param {number} step  updates done
 * @param {number} elapsed_s
 */
const measurement = (step, elapsed_s) => /** @type {any} */ ({ step, elapsed_s });

Deno.test("over training time, evaluations lie where they say that they were made", () => {
  const { ofLosses, ofMetrics, toStep } = xValues("time", [loss(0, 2), loss(10, 7)], [measurement(6, 5)]);
  assert.deepEqual(ofLosses, [2, 7]);
  assert.deepEqual(ofMetrics, [5]);
  assert.equal(toStep(4.5), 5);
});

Deno.test("those of earlier versions lie between the measurements of the device", () => {
  assert.deepEqual(xValues("time", [loss(0, null), loss(9, null)], [measurement(10, 20)]).ofLosses, [2, 20]);
});

Deno.test("measurements count updates, evaluations the update before: they lie at the same place", () => {
  const { ofMetrics } = xValues("tokens", [loss(0, 1), loss(10, 2)], [measurement(1, 1), measurement(11, 2)]);
  assert.deepEqual(ofMetrics, [512, 5632]);
  assert.deepEqual(xValues("step", [loss(0, 1)], [measurement(6, 5)]).ofMetrics, [5]);
});

Deno.test("as long as nothing was measured no time is known", () => {
  assert.ok(xValues("time", [loss(0, null), loss(10, null)], []).ofLosses.every(Number.isNaN));
});
