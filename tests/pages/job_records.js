/** @import { JobRecord } from "../../api/pages/static/types/records.d.ts" */

/**
 * A running job, as the service would answer with it.
 * @param {Partial<Omit<JobRecord, "progress">> & {progress?: Partial<JobRecord["progress"]>}} [values]
 * @returns {JobRecord}
 */
export function jobRecord({ progress = {}, ...values } = {}) {
  return {
    id: "job-1",
    object: "job",
    name: null,
    notes: null,
    tags: [],
    starred: false,
    archived: false,
    owner: null,
    shared: true,
    status: "running",
    stopping: null,
    spec: { preset: "tiny", dataset: "sample", tokenizer: "gpt2" },
    progress: { epoch: 1, step: 9, total_steps: 90, tokens_seen: 4608, fraction: 0.1, tokens_per_s: 900, remaining_s: 60, ...progress },
    latest: null,
    best: null,
    attempt: 1,
    failures: 0,
    numerics: "float32",
    threads: 1,
    parent: null,
    dataset_sha256: "0",
    disk_bytes: 0,
    parameters: 3_315_520,
    device: "cpu",
    error: null,
    ended_by: null,
    queue_position: null,
    waiting_for: null,
    created_at: "2026-11-29T12:00:00Z",
    started_at: "2026-11-29T12:00:01Z",
    finished_at: null,
    metadata: {},
    ...values,
  };
}
