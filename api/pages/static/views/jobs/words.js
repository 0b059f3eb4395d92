import { NOTHING, counted, percent } from "../../format/numbers.js";
import { duration } from "../../format/times.js";

/** @import { JobRecord } from "../../types/records.d.ts" */

/**
 * What ended a job, where that was not what it was to do.
 * @type {Record<string, string>}
 */
const ENDINGS = { early_stopping: "stopped early", finish: "finished by hand", max_time: "time was up" };

/**
 * How far a job is, or why it does not run, in a few words.
 * @param {JobRecord} job
 * @returns {string}
 */
export function standing(job) {
  const { status, progress, error } = job;
  switch (status) {
    case "queued":
      return waiting(job);
    case "running":
      return progress.remaining_s === null
        ? percent(progress.fraction)
        : `${percent(progress.fraction)} · ${duration(progress.remaining_s)} left`;
    case "paused":
      return error === null ? `at ${percent(progress.fraction)}` : `at ${percent(progress.fraction)}: ${error.message}`;
    case "failed":
      return error?.message ?? NOTHING;
    case "succeeded":
      return [ENDINGS[job.ended_by ?? ""], runtime(job)].filter(Boolean).join(" · ");
    default:
      return progress.step === 0 ? "did not begin" : `at ${percent(progress.fraction)}`;
  }
}

/** @param {JobRecord} job */
function waiting({ queue_position: position, waiting_for: reason }) {
  if (reason === null) return position === null ? "waits" : "is about to start";
  // The number of jobs before it says its place too.
  return position === null || position === 1 || /jobs? before it$/.test(reason) ? reason : `${ordinal(position)} in its queue: ${reason}`;
}

/** @param {number} number */
function ordinal(number) {
  const isTeen = number % 100 > 10 && number % 100 < 14;
  return `${number}${isTeen ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th")}`;
}

/** @param {JobRecord} job */
function runtime({ started_at: started, finished_at: finished }) {
  if (started === null || finished === null) return "";
  return `in ${duration((Date.parse(finished) - Date.parse(started)) / 1000)}`;
}

/**
 * The same at length, for whoever points at it.
 * @param {JobRecord} job
 */
export function standingAtLength({ progress, attempt, failures }) {
  const { step, total_steps: total, epoch } = progress;
  const steps = total === null ? counted(step, "step") : `step ${step.toLocaleString("en-GB")} of ${total.toLocaleString("en-GB")}`;
  const crashes = failures > 0 ? `, ${counted(failures, "crash", "crashes")} since its last checkpoint` : "";
  return `${steps}, epoch ${epoch}, ${counted(attempt, "attempt")}${crashes}`;
}

/**
 * Whether a person has to see to it. The words are those of `jobs/lifecycle/waiting.py`.
 * @param {JobRecord} job
 */
export function isStuck({ status, waiting_for: reason, error }) {
  return (status === "queued" && /^no live worker|^no worker that it fits/.test(reason ?? "")) || (status === "paused" && error !== null);
}
