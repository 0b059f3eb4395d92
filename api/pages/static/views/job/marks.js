/** What is marked on a job's losses. */

/** @import { Mark } from "../../charts/mark_layer.js" */
/** @import { Overfitting } from "../../charts/overfitting.js" */
/** @import { CheckpointRecord, EventRecord, SampleRecord } from "../../types/records.d.ts" */

/**
 * @typedef {object} Marked
 * @property {readonly SampleRecord[]} samples
 * @property {readonly CheckpointRecord[]} checkpoints
 * @property {readonly EventRecord[]} alerts
 * @property {Overfitting | null} overfits
 */

/**
 * @param {Marked} marked
 * @param {(step: number) => number} ofStep  x of a row's step
 * @returns {Mark[]}
 */
export function marksOf({ samples, checkpoints, alerts, overfits }, ofStep) {
  /** @type {Mark[]} */
  const marks = [];
  for (const step of new Set(samples.map((sample) => sample.step))) {
    marks.push({ x: ofStep(step), kind: "sample", label: `sample of step ${step}` });
  }
  for (const { step, kind } of checkpoints) {
    // A checkpoint counts updates done: the row before it is one less.
    const names = kind.length > 0 ? ` (${kind.join(" and ")})` : "";
    marks.push({ x: ofStep(step - 1), kind: "checkpoint", label: `checkpoint ${step}${names}` });
  }
  for (const { data } of alerts) marks.push({ x: ofStep(data.step), kind: "alert", label: `alert: ${data.when}` });
  if (overfits !== null) marks.push({ x: ofStep(overfits.best.step), kind: "overfitting", label: "over-fitting begins" });
  return marks.filter(({ x }) => Number.isFinite(x));
}
