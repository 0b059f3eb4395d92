import assert from "node:assert/strict";
import { isStuck, standing, standingAtLength } from "../../../../api/pages/static/views/jobs/words.js";
import { jobRecord } from "../../job_records.js";

Deno.test("a running job says how far it is and how long it takes, if that is known", () => {
  assert.equal(standing(jobRecord()), "10 % · 1 min left");
  assert.equal(standing(jobRecord({ progress: { remaining_s: null } })), "10 %");
});

Deno.test("a job that waits says what for, and its place where that does not say it", () => {
  const waiting = { status: /** @type {const} */ ("queued"), queue_position: 2 };
  assert.equal(standing(jobRecord({ ...waiting, waiting_for: "1 job before it" })), "1 job before it");
  assert.equal(standing(jobRecord({ ...waiting, waiting_for: "no worker is free" })), "2nd in its queue: no worker is free");
  assert.equal(standing(jobRecord({ ...waiting, queue_position: 1, waiting_for: null })), "is about to start");
});

Deno.test("a job that has ended says how, and how long it took", () => {
  const ended = { started_at: "2026-11-29T12:00:00Z", finished_at: "2026-11-29T12:01:30Z" };
  assert.equal(standing(jobRecord({ status: "succeeded", ended_by: "early_stopping", ...ended })), "stopped early · in 1 min 30 s");
  const error = { type: /** @type {const} */ ("diverged"), message: "the loss is not finite", attempt: 1, retryable: false };
  assert.equal(standing(jobRecord({ status: "failed", error })), "the loss is not finite");
  assert.equal(standing(jobRecord({ status: "cancelled", progress: { step: 0, fraction: 0 } })), "did not begin");
});

Deno.test("at length a job says its step, its epoch and its crashes", () => {
  assert.equal(standingAtLength(jobRecord()), "step 9 of 90, epoch 1, 1 attempt");
  const crashed = jobRecord({ failures: 2, attempt: 3, progress: { total_steps: null, step: 1 } });
  assert.equal(standingAtLength(crashed), "1 step, epoch 1, 3 attempts, 2 crashes since its last checkpoint");
});

Deno.test("only what a person has to see to is stuck", () => {
  const queued = (/** @type {string} */ reason) => jobRecord({ status: "queued", waiting_for: reason });
  assert.ok(isStuck(queued("no live worker of its queue, train (none has been started)")));
  assert.ok(isStuck(queued("no worker that it fits: it needs about 9 GiB")));
  assert.ok(!isStuck(queued("no worker is free: 1 of 1 busy")));
  assert.ok(!isStuck(jobRecord()));
});
