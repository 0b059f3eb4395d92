import assert from "node:assert/strict";
import { chooseJob } from "../../../../api/pages/static/views/learn/choice.js";
import { decodingSettings, queryOfDecoding } from "../../../../api/pages/static/views/learn/settings.js";
import { jobRecord } from "../../job_records.js";

Deno.test("the lesson is told on the newest job with a checkpoint, unless another is asked for", () => {
  const jobs = [
    jobRecord({ id: "job-4", archived: true, disk_bytes: 10 }),
    jobRecord({ id: "job-3" }),
    jobRecord({ id: "job-2", disk_bytes: 10 }),
    jobRecord({ id: "job-1", disk_bytes: 10 }),
  ];
  assert.equal(chooseJob(jobs, null)?.id, "job-2");
  assert.equal(chooseJob(jobs, "job-4")?.id, "job-4");
  assert.equal(chooseJob(jobs, "gone")?.id, "job-2");
  assert.equal(chooseJob(jobs.slice(1, 2), null)?.id, "job-3");
  assert.equal(chooseJob([], null), null);
});

Deno.test("the sliders are in the link where they are not as usual, and within their ends", () => {
  const settings = decodingSettings(new URLSearchParams("temperature=0&top_k=99&top_p=0.9"));
  assert.deepEqual(settings, { temperature: 0, topK: 20, topP: 0.9 });
  assert.deepEqual(queryOfDecoding(settings), { temperature: "0", top_k: null, top_p: 0.9 });
  assert.deepEqual(decodingSettings(new URLSearchParams("temperature=hot")), { temperature: 1, topK: 20, topP: 1 });
});
