import assert from "node:assert/strict";
import { EventStream } from "../../../api/pages/static/http/event_stream.js";
import { JobHistory } from "../../../api/pages/static/records/job_history.js";
import { row } from "../loss_rows.js";
import { ServiceStub, heard, settled, silentStream } from "./service_stub.js";

/** @import { EventRecord } from "../../../api/pages/static/types/records.d.ts" */

const JOB = "job-1";

/**
 * A service that answers with these rows, as far as they are asked for.
 * @param {{step: number, elapsed_s: number}[]} metrics
 * @returns {URL[]} what it was asked, as it goes on
 */
function serve(metrics) {
  /** @type {URL[]} */
  const asked = [];
  globalThis.fetch = async (input) => {
    const url = new URL(String(input));
    asked.push(url);
    const since = Number(url.searchParams.get("since_elapsed_s") ?? -1);
    const data = url.pathname.endsWith("/metrics") ? metrics.filter(({ elapsed_s: at }) => at > since) : [];
    return Response.json({ data, has_more: false });
  };
  return asked;
}

/**
 * @param {EventTarget} target
 * @param {string} what
 */
function told(target, what) {
  return new Promise((resolve) => {
    target.addEventListener("change", (event) => /** @type {CustomEvent} */ (event).detail === what && resolve(undefined));
  });
}

/** @param {EventStream} events */
function tellProgress(events) {
  const detail = /** @type {EventRecord} */ (/** @type {unknown} */ ({ job_id: JOB, type: "progress", data: {} }));
  events.dispatchEvent(new CustomEvent("event", { detail }));
}

Deno.test("of what was measured of the device only later rows are asked for", async () => {
  const metrics = [{ step: 1, elapsed_s: 5 }, { step: 2, elapsed_s: 10 }];
  const asked = serve(metrics);
  const events = new EventStream("events");
  const history = new JobHistory(JOB, events);
  const end = new AbortController();
  const realNow = Date.now;
  try {
    const loaded = told(history, "state");
    history.open(end.signal);
    await loaded;
    assert.equal(asked.find(({ pathname }) => pathname.endsWith("/metrics"))?.search, "?max_points=512");

    metrics.push({ step: 3, elapsed_s: 15 });
    Date.now = () => realNow() + 6000;
    const more = told(history, "metrics");
    tellProgress(events);
    await more;
    assert.equal(asked.at(-1)?.search, "?since_elapsed_s=10");
    assert.deepEqual(history.metrics.map(({ step }) => step), [1, 2, 3]);
  } finally {
    Date.now = realNow;
    end.abort();
  }
});

/**
 * @param {number} step
 * @param {string} text
 */
function sample(step, text) {
  return { step, index: 0, epoch: 1, prompt: "The", text, recorded_at: "2026-11-29T12:00:00Z" };
}

Deno.test("rows that come while an answer is on its way are not overwritten by it", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const history = new JobHistory("job-1", stream, ["losses"]);
  history.open(new AbortController().signal);
  heard(stream, { type: "evaluation", job_id: "job-1", data: row(5, 1) });
  heard(stream, { type: "evaluation", job_id: "job-1", data: row(10) });
  await service.answer({ data: [row(0), row(5, 2)] });
  assert.deepEqual(history.losses.map(({ step }) => step), [0, 5, 10]);
  assert.equal(history.losses[1]?.train_loss, 1);
});

Deno.test("a row that is computed again within a zoomed part takes the place of the one before", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const history = new JobHistory("job-1", stream, ["losses"]);
  history.open(new AbortController().signal);
  await service.answer({ data: [row(0), row(10), row(20)] });
  history.zoom([0, 20]);
  await service.answer({ data: [row(0), row(5), row(10), row(15), row(20)] });
  heard(stream, { type: "evaluation", job_id: "job-1", data: row(5, 1) });
  assert.equal(history.losses.find(({ step }) => step === 5)?.train_loss, 1);
});

Deno.test("samples that come while they are read are not overwritten", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const history = new JobHistory("job-1", stream, ["samples"]);
  history.open(new AbortController().signal);
  heard(stream, { type: "sample", job_id: "job-1", data: sample(5, "new") });
  await service.answer({ data: [sample(0, "first"), sample(5, "old")], has_more: false });
  assert.deepEqual(history.samples.map(({ text }) => text), ["first", "new"]);
});

Deno.test("an older answer does not take the place of a newer one", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const history = new JobHistory("job-1", stream, ["checkpoints"]);
  history.open(new AbortController().signal);
  heard(stream, { type: "checkpoint", job_id: "job-1", data: { step: 6 } });
  await service.answer({ data: [], has_more: false });
  await service.answer({ data: [{ id: "checkpoint-1", step: 6 }], has_more: false });
  assert.deepEqual(history.checkpoints.map(({ step }) => step), [6]);
});

Deno.test("only the parts that somebody shows are asked for", async () => {
  const service = new ServiceStub();
  const history = new JobHistory("job-1", silentStream(), ["losses"]);
  history.open(new AbortController().signal);
  assert.deepEqual(service.asked.map(({ path }) => path), ["jobs/job-1/losses"]);
  await service.answer({ data: [] });
  history.want("metrics");
  await settled();
  assert.deepEqual(service.asked.map(({ path }) => path), ["jobs/job-1/metrics"]);
  await service.answer({ data: [] });
});
