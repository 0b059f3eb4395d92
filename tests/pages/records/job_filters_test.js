import assert from "node:assert/strict";
import { jobRecord } from "../job_records.js";
import { choices, filterOf, fits, tagsOf } from "../../../api/pages/static/records/job_filters.js";

const JOBS = [
  jobRecord({ id: "job-1", name: "Baseline", tags: ["sweep"], metadata: { team: "blue" } }),
  jobRecord({ id: "job-2", name: "high rate", status: "failed", starred: true, tags: ["sweep", "b"] }),
  jobRecord({ id: "job-3", status: "succeeded", archived: true }),
];

/** @param {string} query */
function found(query) {
  const filter = filterOf(new URLSearchParams(query));
  return JOBS.filter((job) => fits(job, filter)).map(({ id }) => id);
}

Deno.test("archived jobs are where one asks for them alone", () => {
  assert.deepEqual(found(""), ["job-1", "job-2"]);
  assert.deepEqual(found("show=archived"), ["job-3"]);
  assert.deepEqual(found("show=succeeded"), []);
});

Deno.test("a job is found by every word of what it could be called by", () => {
  assert.deepEqual(found("q=rate"), ["job-2"]);
  assert.deepEqual(found("q=BASE tiny"), ["job-1"]);
  assert.deepEqual(found("q=team=blue".replace("team=", "team%3D")), ["job-1"]);
  assert.deepEqual(found("q=job-2 baseline"), []);
});

Deno.test("a status, a star and a tag narrow what is found", () => {
  assert.deepEqual(found("show=failed"), ["job-2"]);
  assert.deepEqual(found("show=starred"), ["job-2"]);
  assert.deepEqual(found("tag=sweep&q=baseline"), ["job-1"]);
});

Deno.test("each choice says how many jobs it would show, and what shows none is no choice", () => {
  const counts = choices(JOBS, filterOf(new URLSearchParams("tag=sweep"))).map(({ value, count }) => [value, count]);
  assert.deepEqual(counts, [["", 2], ["running", 1], ["failed", 1], ["starred", 1]]);
  const chosen = choices(JOBS, filterOf(new URLSearchParams("show=paused"))).find(({ value }) => value === "paused");
  assert.equal(chosen?.count, 0);
});

Deno.test("tags are in the order of the alphabet, each once", () => {
  assert.deepEqual(tagsOf(JOBS), ["b", "sweep"]);
});
