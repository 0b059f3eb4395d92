import assert from "node:assert/strict";
import { EventStream } from "../../../api/pages/static/http/event_stream.js";
import { JobStore } from "../../../api/pages/static/records/job_store.js";
import { jobRecord } from "../job_records.js";
import { ServiceStub, silentStream } from "./service_stub.js";

Deno.test("an answer that was on its way when its job was deleted does not bring it back", () => {
  Object.assign(globalThis, { requestAnimationFrame: () => 0 });
  const store = new JobStore(new EventStream("events"));
  store.put(jobRecord({ id: "job-1" }));
  store.drop("job-1");
  store.put(jobRecord({ id: "job-1" }));
  store.put(jobRecord({ id: "job-2" }));
  assert.deepEqual(store.all.map((job) => job.id), ["job-2"]);
});

Deno.test("what was asked before somebody signed out is not told to who signs in next", async () => {
  const service = new ServiceStub();
  const store = new JobStore(silentStream());
  const signedIn = new AbortController();
  store.open(signedIn.signal);
  const [mine] = service.asked;
  store.clear();
  mine?.answer({ data: [jobRecord({ id: "job-mine" })], has_more: false });
  assert.deepEqual(service.asked, []);
  store.open(signedIn.signal);
  await service.answer({ data: [jobRecord({ id: "job-yours" })], has_more: false });
  assert.deepEqual(store.all.map(({ id }) => id), ["job-yours"]);
  assert.equal(store.state, "loaded");
  signedIn.abort();
});
