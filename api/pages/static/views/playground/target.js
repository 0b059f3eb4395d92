/** Who is asked: a checkpoint of a job, or a model from outside. */

import { decimal, integer } from "../../format/numbers.js";

/** @import { CheckpointRecord, JobRecord } from "../../types/records.d.ts" */

/**
 * `id`: the job's, or the model's. `checkpoint`: `last`, `best` or a step; a model from outside has none.
 * @typedef {{kind: "job" | "model", id: string, checkpoint: string}} Target
 */

/**
 * @param {URLSearchParams} query
 * @param {"" | "2"} which
 * @returns {Target | null}
 */
export function targetOf(query, which) {
  const model = query.get(`model${which}`);
  if (model !== null) return { kind: "model", id: model, checkpoint: "" };
  const id = query.get(`job${which}`);
  return id === null ? null : { kind: "job", id, checkpoint: query.get(`checkpoint${which}`) ?? "last" };
}

/**
 * @param {Target | null} target
 * @param {"" | "2"} which
 * @returns {Record<string, string | null>}
 */
export function queryOfTarget(target, which) {
  return {
    [`model${which}`]: target?.kind === "model" ? target.id : null,
    [`job${which}`]: target?.kind === "job" ? target.id : null,
    [`checkpoint${which}`]: target?.kind === "job" && target.checkpoint !== "last" ? target.checkpoint : null,
  };
}

/**
 * The fields of a request that name it.
 * @param {Target} target
 */
export function askedOf({ kind, id, checkpoint }) {
  return kind === "model" ? { model_id: id } : { job_id: id, checkpoint };
}

/**
 * The job to ask if nobody says which: the newest that has been evaluated, and so may have a checkpoint.
 * @param {readonly JobRecord[]} jobs  the newest first
 */
export function firstToAsk(jobs) {
  return jobs.find(mayBeAsked) ?? null;
}

/** @param {JobRecord} job */
export function mayBeAsked(job) {
  return job.progress.step > 0;
}

/**
 * The choices among a job's checkpoints, the newest first.
 * @param {readonly CheckpointRecord[]} checkpoints
 * @returns {{value: string, label: string}[]}
 */
export function checkpointChoices(checkpoints) {
  const named = /** @type {const} */ (["last", "best"]).flatMap((name) => {
    const checkpoint = checkpoints.find(({ kind }) => kind.includes(name));
    return checkpoint === undefined ? [] : [{ value: name, label: `${name === "last" ? "Newest" : "Best"}: ${describe(checkpoint)}` }];
  });
  const steps = checkpoints.toSorted((a, b) => b.step - a.step).map((checkpoint) => ({ value: String(checkpoint.step), label: describe(checkpoint, true) }));
  return [...named, ...steps];
}

/**
 * @param {CheckpointRecord} checkpoint
 * @param {boolean} [isAlone]
 */
function describe({ step, val_loss: loss }, isAlone = false) {
  return `${isAlone ? "Step" : "step"} ${integer(step)}, ${decimal(loss)}`;
}
