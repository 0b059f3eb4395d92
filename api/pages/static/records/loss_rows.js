/** Evaluations in the order of their steps, as they come: from the service, by the stream, finer ones of a part. */

import { lowerBound } from "../charts/bisect.js";

/** @import { LossRecord } from "../types/records.d.ts" */

/**
 * @param {readonly LossRecord[]} rows
 * @param {LossRecord} row  one that has just come, or one that a resumed attempt has computed again
 * @returns {LossRecord[]}
 */
export function withRow(rows, row) {
  const last = rows.at(-1);
  if (last === undefined || last.step < row.step) return [...rows, row];
  const at = lowerBound(rows.map(({ step }) => step), row.step);
  const replaced = rows[at]?.step === row.step ? 1 : 0;
  return rows.toSpliced(at, replaced, row);
}

/**
 * @param {readonly LossRecord[]} rows  of the whole job
 * @param {readonly LossRecord[]} finer  of a part, each row that the service would show there
 * @returns {LossRecord[]} the finer ones where there are any, the others around them
 */
export function withFiner(rows, finer) {
  const first = finer[0]?.step;
  const last = finer.at(-1)?.step;
  if (first === undefined || last === undefined) return [...rows];
  return [...rows.filter(({ step }) => step < first), ...finer, ...rows.filter(({ step }) => step > last)];
}

/**
 * @param {readonly {step: number}[]} rows  in the order of steps
 * @param {number} step
 * @returns {number} index of the nearest; -1 if there is none
 */
export function nearestIndex(rows, step) {
  let found = -1;
  let least = Infinity;
  const at = lowerBound(rows.map((row) => row.step), step);
  for (const index of [at - 1, at]) {
    const row = rows[index];
    if (row === undefined || Math.abs(row.step - step) >= least) continue;
    least = Math.abs(row.step - step);
    found = index;
  }
  return found;
}
