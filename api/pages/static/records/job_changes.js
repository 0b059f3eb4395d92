/** @import { EventRecord, JobRecord } from "../types/records.d.ts" */

/** @typedef {JobRecord["status"]} Status */

/** @type {readonly Status[]} */
export const STATUSES = ["queued", "running", "paused", "succeeded", "failed", "cancelled"];
/** @type {readonly Status[]} */
export const TERMINAL = ["succeeded", "failed", "cancelled"];

/** @param {JobRecord} job */
export function hasEnded(job) {
  return TERMINAL.includes(job.status);
}

/**
 * The job's record after an event; the same one if it changes nothing that the event itself tells. What it does not
 * tell, such as when the job began, comes with the record that is fetched after `isToBeFetched`.
 * @param {JobRecord} job
 * @param {EventRecord} event
 * @returns {JobRecord}
 */
export function afterEvent(job, event) {
  const { data } = event;
  switch (event.type) {
    case "status":
      return {
        ...job,
        status: data.status,
        stopping: TERMINAL.includes(data.status) ? null : job.stopping,
        error: data.error ?? null,
        ended_by: data.ended_by ?? job.ended_by,
        progress: data.status === "running" ? job.progress : { ...job.progress, tokens_per_s: null, remaining_s: null },
        queue_position: null,
        waiting_for: null,
      };
    case "progress":
      // One that was on its way when the job ended.
      return job.status === "running" ? { ...job, attempt: event.attempt, progress: { ...job.progress, ...data } } : job;
    case "evaluation":
      return afterEvaluation(job, data);
    case "changed":
      return { ...job, ...known(job, data) };
    default:
      return job;
  }
}

/**
 * Whether an event tells of a change that only the whole record has.
 * @param {EventRecord} event
 */
export function isToBeFetched(event) {
  return ["status", "changed", "started"].includes(event.type) || changesCheckpoints(event);
}

/**
 * Whether an event tells that a job's checkpoints are others.
 * @param {Pick<EventRecord, "type">} event
 */
export function changesCheckpoints({ type }) {
  return ["checkpoint", "checkpoint_deleted", "checkpoint_damaged", "pruned"].includes(type);
}

/**
 * @param {JobRecord} job
 * @param {Record<string, any>} row
 * @returns {JobRecord}
 */
function afterEvaluation(job, row) {
  const { step, train_loss, val_loss, val_bpb } = row;
  if (job.latest !== null && job.latest.step > step) return job; // a resumed attempt computes it again
  const isBest = val_loss !== null && (job.best === null || val_loss < job.best.val_loss);
  return {
    ...job,
    latest: { step, train_loss, val_loss, val_bpb: val_bpb ?? null },
    best: isBest ? { step, val_loss, val_bpb: val_bpb ?? null } : job.best,
  };
}

/**
 * Of the changes those of fields that a record has: events know columns that records have otherwise.
 * @param {JobRecord} job
 * @param {Record<string, any>} changes
 */
function known(job, changes) {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => name in job));
}
