import assert from "node:assert/strict";
import { afterEvent, isToBeFetched } from "../../../api/pages/static/records/job_changes.js";
import { jobRecord as job } from "../job_records.js";

/** @import { EventRecord } from "../../../api/pages/static/types/records.d.ts" */

/**
 * @param {string} type
 * @param {Record<string, any>} data
 * @returns {EventRecord}
 */
function event(type, data) {
  return { id: "5", job_id: "job-1", type, attempt: 1, data, created_at: "2026-11-29T12:00:00Z" };
}

Deno.test("progress moves a running job, and none that has ended", () => {
  const data = { step: 12, fraction: 0.13, tokens_per_s: 950 };
  const running = afterEvent(job(), event("progress", data));
  assert.deepEqual([running.progress.step, running.progress.total_steps], [12, 90]);
  const ended = job({ status: "succeeded" });
  assert.equal(afterEvent(ended, event("progress", data)), ended);
});

Deno.test("a job that does not run has neither speed nor time left", () => {
  const paused = afterEvent(job({ stopping: "pause" }), event("status", { status: "paused" }));
  assert.equal(paused.status, "paused");
  assert.deepEqual([paused.progress.tokens_per_s, paused.progress.remaining_s, paused.progress.step], [null, null, 9]);
  assert.ok(isToBeFetched(event("status", { status: "paused" })));
});

Deno.test("a failure brings its error", () => {
  const error = { type: "diverged", message: "the loss is not finite", attempt: 1, retryable: false };
  assert.deepEqual(afterEvent(job(), event("status", { status: "failed", error })).error, error);
});

Deno.test("the best evaluation is the first of lowest validation loss, the latest the newest", () => {
  let record = job();
  for (const [step, val_loss] of [[0, 9], [5, 7], [10, 7], [15, 8]]) {
    record = afterEvent(record, event("evaluation", { step, train_loss: 6, val_loss, val_bpb: null }));
  }
  assert.deepEqual([record.best?.step, record.best?.val_loss], [5, 7]);
  assert.equal(record.latest?.step, 15);
});

Deno.test("an evaluation that a resumed attempt makes again is not the latest", () => {
  const record = job({ latest: { step: 15, train_loss: 1, val_loss: 2, val_bpb: null } });
  assert.equal(afterEvent(record, event("evaluation", { step: 10, train_loss: 3, val_loss: 3 })), record);
});

Deno.test("a change takes over what the record has, and nothing else", () => {
  const changed = afterEvent(job(), event("changed", { tags: ["a"], memory_bytes: 5 }));
  assert.deepEqual(changed.tags, ["a"]);
  assert.ok(!("memory_bytes" in changed));
});

Deno.test("events that say nothing of the record leave it as it is", () => {
  const record = job();
  assert.equal(afterEvent(record, event("sample", { text: "so" })), record);
  assert.ok(!isToBeFetched(event("sample", {})));
});
