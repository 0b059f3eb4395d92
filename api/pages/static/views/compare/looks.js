/** How the curve of each job looks, and what it is called. */

import { compareValues } from "../../components/sorting.js";
import { leaves, valueInWords } from "../../format/spec_values.js";
import { nameOf } from "../../records/job_actions.js";

/** @import { JobRecord } from "../../types/records.d.ts" */

/** @typedef {{label: string, colour: number, isDashed: boolean, group: string | null}} Look */

const COLOURS = 8;

/**
 * Each job has a colour of its own, or one with all that have the same in a field of their specs. Beyond eight, curves
 * are dashed.
 * @param {readonly JobRecord[]} jobs
 * @param {string | null} field  null: a colour for each
 * @returns {Map<string, Look>} by id
 */
export function looksOf(jobs, field) {
  const labels = labelsOf(jobs);
  const values = new Map(jobs.map(({ id, spec }) => [id, field === null ? id : new Map(leaves(spec)).get(field)]));
  const groups = [...new Set(values.values())];
  if (field !== null) groups.sort(inOrder);
  return new Map(
    jobs.map(({ id }) => {
      const index = groups.indexOf(values.get(id));
      const group = field === null ? null : `${lastName(field)} ${valueInWords(values.get(id) ?? null)}`;
      return [id, { label: labels.get(id) ?? id, colour: (index % COLOURS) + 1, isDashed: Math.floor(index / COLOURS) % 2 === 1, group }];
    }),
  );
}

/**
 * What jobs are called, so that no two are called the same.
 * @param {readonly JobRecord[]} jobs
 * @returns {Map<string, string>} by id
 */
export function labelsOf(jobs) {
  const counts = new Map();
  for (const job of jobs) counts.set(nameOf(job), (counts.get(nameOf(job)) ?? 0) + 1);
  return new Map(jobs.map((job) => [job.id, counts.get(nameOf(job)) > 1 ? `${nameOf(job)} (${job.id.slice(-6)})` : nameOf(job)]));
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function inOrder(a, b) {
  return compareValues(/** @type {any} */ (a), /** @type {any} */ (b), 1);
}

/** @param {string} field  "training.learning_rate" */
function lastName(field) {
  return field.split(".").at(-1) ?? field;
}
