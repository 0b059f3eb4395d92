import assert from "node:assert/strict";
import { JobStore } from "../../../api/pages/static/records/job_store.js";
import { onShownChange } from "../../../api/pages/static/records/shown_jobs.js";
import { jobRecord } from "../job_records.js";
import { settled, silentStream } from "./service_stub.js";

Deno.test("a view hears of jobs only if what it shows of them is another", async () => {
  globalThis.requestAnimationFrame = (act) => Number(setTimeout(act, 0));
  const jobs = new JobStore(silentStream());
  let heard = 0;
  onShownChange(jobs, () => jobs.all.map(({ id, name }) => [id, name]), () => (heard += 1), new AbortController().signal);
  jobs.put(jobRecord({ name: "one" }));
  await settled();
  await settled();
  assert.equal(heard, 1);
  jobs.put(jobRecord({ name: "one", progress: { step: 10 } }));
  await settled();
  await settled();
  assert.equal(heard, 1);
  jobs.put(jobRecord({ name: "two", progress: { step: 10 } }));
  await settled();
  await settled();
  assert.equal(heard, 2);
});
