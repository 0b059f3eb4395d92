import { patch, post, remove } from "../http/request.js";
import { hasEnded } from "./job_changes.js";

/** @import { JobChanges, JobRecord } from "../types/records.d.ts" */

/** @param {JobRecord} job */
function pathOf(job) {
  return `jobs/${encodeURIComponent(job.id)}`;
}

/**
 * What one may ask of a job: whether its status allows it, and the request, which answers with the job's record.
 * @typedef {object} JobAction
 * @property {string} label
 * @property {string} done  of several: "3 jobs paused"
 * @property {(job: JobRecord) => boolean} isPossible
 * @property {(job: JobRecord) => Promise<JobRecord>} run
 */

/** @type {Record<"pause" | "resume" | "finish" | "cancel" | "checkpoint", JobAction>} */
export const ACTIONS = {
  pause: {
    label: "Pause",
    done: "asked to pause",
    isPossible: (job) => job.status === "running" && job.stopping === null,
    run: (job) => post(`${pathOf(job)}/pause`),
  },
  resume: {
    label: "Resume",
    done: "queued again",
    isPossible: (job) => job.status === "paused",
    run: (job) => post(`${pathOf(job)}/resume`),
  },
  finish: {
    label: "Finish now",
    done: "asked to finish",
    isPossible: (job) => job.status === "running" && (job.stopping === null || job.stopping === "pause"),
    run: (job) => post(`${pathOf(job)}/finish`),
  },
  checkpoint: {
    label: "Checkpoint now",
    done: "asked for a checkpoint",
    isPossible: (job) => job.status === "running" && job.stopping === null,
    run: (job) => post(`${pathOf(job)}/checkpoint`),
  },
  cancel: {
    label: "Cancel",
    done: "asked to stop",
    isPossible: (job) => !hasEnded(job) && job.stopping !== "cancel",
    run: (job) => post(`${pathOf(job)}/cancel`),
  },
};

/** @param {JobRecord} job */
export function isDeletable(job) {
  return hasEnded(job) || job.status === "paused";
}

/**
 * @param {JobRecord} job
 * @returns {Promise<void>}
 */
export function deleteJob(job) {
  return remove(pathOf(job));
}

/**
 * @param {JobRecord} job
 * @param {JobChanges} changes
 * @returns {Promise<JobRecord>}
 */
export function changeJob(job, changes) {
  return patch(pathOf(job), { json: changes });
}

/**
 * What a job is called: its name, else its id.
 * @param {Pick<JobRecord, "id" | "name">} job
 */
export function nameOf({ id, name }) {
  return name ?? id;
}
