/** @import { JobRecord } from "../../types/records.d.ts" */

/**
 * The job that the lesson is told on: the asked one, else the newest with a checkpoint, which can be questioned, else the
 * newest.
 * @param {readonly JobRecord[]} jobs  the newest first
 * @param {string | null} asked
 * @returns {JobRecord | null}
 */
export function chooseJob(jobs, asked) {
  const current = jobs.filter(({ archived }) => !archived);
  return jobs.find(({ id }) => id === asked) ?? current.find((job) => job.disk_bytes > 0) ?? current[0] ?? null;
}
