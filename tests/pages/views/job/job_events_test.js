import assert from "node:assert/strict";
import { JobEvents } from "../../../../api/pages/static/views/job/job_events.js";
import { ServiceStub, heard, silentStream } from "../../records/service_stub.js";

/**
 * @param {number} id
 * @param {string} type
 */
function event(id, type = "checkpoint") {
  return { id: String(id), type, job_id: "job-1", attempt: 1, created_at: "2026-11-29T12:00:00Z", data: {} };
}

/** @param {JobEvents} events */
function idsOf(events) {
  return events.shown.map(({ id }) => Number(id));
}

Deno.test("of a long job the newest events are shown, and older ones when they are asked for", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const events = new JobEvents("job-1", stream);
  events.open(new AbortController().signal);
  heard(stream, event(9));
  await service.answer({ data: [event(8), event(7)], has_more: true });
  assert.deepEqual([idsOf(events), events.hasOlder], [[7, 8, 9], true]);
  events.loadOlder();
  assert.match(service.asked[0]?.query ?? "", /newest_first=true.*after=7/);
  await service.answer({ data: [event(2), event(1)], has_more: false });
  assert.deepEqual([idsOf(events), events.hasOlder], [[1, 2, 7, 8, 9], false]);
});

Deno.test("with evaluations too there is no gap: earlier events are not shown beside none of their evaluations", async () => {
  const service = new ServiceStub();
  const events = new JobEvents("job-1", silentStream());
  events.open(new AbortController().signal);
  await service.answer({ data: [event(8), event(2)], has_more: false });
  events.showFrequent(true);
  await service.answer({ data: [event(8), event(7, "evaluation")], has_more: true });
  assert.deepEqual([idsOf(events), events.hasOlder], [[7, 8], true]);
  events.showFrequent(false);
  assert.deepEqual([idsOf(events), events.hasOlder], [[2, 8], false]);
  assert.deepEqual(service.asked, []);
});
