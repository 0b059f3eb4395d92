import assert from "node:assert/strict";
import { hrefOf, parsePlace } from "../../../../api/pages/static/page/location.js";
import { askedOf, checkpointChoices, firstToAsk, queryOfTarget, targetOf } from "../../../../api/pages/static/views/playground/target.js";
import { jobRecord } from "../../job_records.js";

Deno.test("a link names two who are asked, and each is read from it as it was written", () => {
  const job = { kind: /** @type {const} */ ("job"), id: "job-1", checkpoint: "12" };
  const model = { kind: /** @type {const} */ ("model"), id: "model-1", checkpoint: "" };
  const { query } = parsePlace(hrefOf("/playground", { ...queryOfTarget(job, ""), ...queryOfTarget(model, "2") }));
  assert.deepEqual(targetOf(query, ""), job);
  assert.deepEqual(targetOf(query, "2"), model);
  assert.deepEqual(askedOf(job), { job_id: "job-1", checkpoint: "12" });
  assert.deepEqual(askedOf(model), { model_id: "model-1" });
});

Deno.test("the newest job that has learned something is asked first", () => {
  const waiting = jobRecord({ id: "job-3", progress: { step: 0 } });
  const newest = jobRecord({ id: "job-2", progress: { step: 4 } });
  assert.equal(firstToAsk([waiting, newest, jobRecord({ id: "job-1" })]), newest);
  assert.equal(firstToAsk([waiting]), null);
});

Deno.test("a job's checkpoints are the newest and the best by name, and each by its step", () => {
  /** @param {number} step @param {("last" | "best")[]} kind */
  const checkpoint = (step, kind) => ({ id: String(step), step, epoch: 1, train_loss: 2, val_loss: 3, bytes: 1, sha256: "", kind, created_at: "" });
  const choices = checkpointChoices([checkpoint(9, ["best"]), checkpoint(18, ["last"])]);
  assert.deepEqual(choices.map(({ value }) => value), ["last", "best", "18", "9"]);
  assert.equal(choices[0]?.label, "Newest: step 18, 3.000");
});
