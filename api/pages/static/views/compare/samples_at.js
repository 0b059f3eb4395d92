/** Samples of several jobs at the same step. */

import { nearestIndex } from "../../records/loss_rows.js";

/** @import { SampleRecord } from "../../types/records.d.ts" */

/**
 * @param {readonly (readonly SampleRecord[])[]} samples  of each job
 * @returns {number[]} the steps at which any of them has one, rising
 */
export function stepsWithSamples(samples) {
  return [...new Set(samples.flatMap((each) => each.map(({ step }) => step)))].toSorted((a, b) => a - b);
}

/**
 * @param {readonly (readonly SampleRecord[])[]} samples  of each job
 * @returns {string[]} what the jobs were asked to continue, each once
 */
export function promptsOf(samples) {
  return [...new Set(samples.flatMap((each) => each.map(({ prompt }) => prompt)))];
}

/**
 * @param {readonly SampleRecord[]} samples  of one job, in the order of steps
 * @param {number} step
 * @param {string} prompt
 * @returns {SampleRecord | null} the nearest to the step, the earlier of two; null if the job was never asked
 */
export function sampleAt(samples, step, prompt) {
  const asked = samples.filter((sample) => sample.prompt === prompt);
  return asked[nearestIndex(asked, step)] ?? null;
}

/**
 * @param {readonly number[]} steps  rising
 * @param {number | null} step  null: the last
 * @returns {number} index of the nearest; -1 without any
 */
export function indexOfStep(steps, step) {
  return step === null ? steps.length - 1 : nearestIndex(steps.map((each) => ({ step: each })), step);
}
