/** What there is of a job at one step: its evaluation, the samples nearest to it, and the checkpoint to ask. */

import { nearestIndex } from "../../records/loss_rows.js";

/** @import { CheckpointRecord, LossRecord, SampleRecord } from "../../types/records.d.ts" */

/**
 * @typedef {object} Moment
 * @property {LossRecord} row
 * @property {boolean} isNewest
 * @property {SampleRecord[]} samples  of the step nearest to it, by their prompts' index
 * @property {CheckpointRecord | null} checkpoint
 * @property {boolean} isCheckpointExact  whether it was written right after the row: its step counts updates done, and
 *     is one more
 */

/**
 * @param {number | null} step  null: the newest
 * @param {{losses: readonly LossRecord[], samples: readonly SampleRecord[], checkpoints: readonly CheckpointRecord[]}} history
 * @returns {Moment | null} null before the first evaluation
 */
export function momentAt(step, { losses, samples, checkpoints }) {
  const row = step === null ? losses.at(-1) : losses[nearestIndex(losses, step)];
  if (row === undefined) return null;
  const sample = samples[nearestIndex(samples, row.step)];
  const checkpoint = checkpoints[nearestIndex(checkpoints, row.step + 1)] ?? null;
  return {
    row,
    isNewest: row === losses.at(-1),
    samples: sample === undefined ? [] : samples.filter((other) => other.step === sample.step).toSorted((a, b) => a.index - b.index),
    checkpoint,
    isCheckpointExact: checkpoint?.step === row.step + 1,
  };
}

/**
 * The step of the sample before or after those of a step.
 * @param {readonly SampleRecord[]} samples  in the order of steps
 * @param {number} step
 * @param {1 | -1} direction
 * @returns {number | null} null at the ends
 */
export function neighbouringSample(samples, step, direction) {
  const steps = [...new Set(samples.map((sample) => sample.step))];
  const found = direction > 0 ? steps.find((other) => other > step) : steps.findLast((other) => other < step);
  return found ?? null;
}
