import assert from "node:assert/strict";
import { indexOfStep, promptsOf, sampleAt, stepsWithSamples } from "../../../../api/pages/static/views/compare/samples_at.js";

/**
 * @param {number} step
 * @param {string} prompt
 */
const sample = (step, prompt) => /** @type {any} */ ({ step, prompt, index: 0, text: `${prompt} at ${step}` });
const ONE = [sample(10, "a"), sample(20, "a"), sample(20, "b")];
const OTHER = [sample(15, "a")];

Deno.test("steps and prompts are those of all jobs, each once", () => {
  assert.deepEqual(stepsWithSamples([ONE, OTHER]), [10, 15, 20]);
  assert.deepEqual(promptsOf([ONE, OTHER]), ["a", "b"]);
});

Deno.test("a job that wrote nothing at the step is read at the nearest, the earlier of two", () => {
  assert.equal(sampleAt(ONE, 15, "a")?.step, 10);
  assert.equal(sampleAt(OTHER, 40, "a")?.step, 15);
  assert.equal(sampleAt(OTHER, 15, "b"), null);
});

Deno.test("without a step the last one is shown", () => {
  assert.equal(indexOfStep([10, 15, 20], null), 2);
  assert.equal(indexOfStep([10, 15, 20], 14), 1);
  assert.equal(indexOfStep([], null), -1);
});
