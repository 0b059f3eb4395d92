/** What to do about a job's error. */

/** @import { ErrorRecord } from "../../types/records.d.ts" */

/** @type {Record<string, string>} */
const TITLES = {
  out_of_memory: "It ran out of memory",
  diverged: "It diverged: its loss is no longer a number",
  disk_full: "The disk is full",
  bad_dataset: "Its text can't be used",
  worker_lost: "Its worker was lost",
  stalled: "It hung",
  internal: "Its trainer failed",
};

/** @type {Record<string, string>} */
const ADVICE = {
  out_of_memory:
    "Fork it, or start it anew, with a smaller batch_size (grad_accumulation makes up for it), a shorter context_length or a smaller model.",
  diverged: "Fork it from its best checkpoint, or start it anew, with a lower learning_rate, some warmup_steps, or grad_clip 1.0.",
  disk_full: "Delete checkpoints or jobs that nobody needs; it is then queued again by itself, or resume it.",
  bad_dataset: "Add the same text again if it is gone, or start a job on another one.",
  worker_lost: "Look whether the worker's machine is up. From its last checkpoint a fork goes on.",
  stalled: "Its log says what it did last. A fork goes on from its last checkpoint.",
  internal: "Its log says more. A fork goes on from its last checkpoint.",
};

/** @param {ErrorRecord} error */
export function errorTitle({ type }) {
  return TITLES[type] ?? "It failed";
}

/** @param {ErrorRecord} error */
export function errorAdvice({ type }) {
  return ADVICE[type] ?? "Its log says more.";
}
