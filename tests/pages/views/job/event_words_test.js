import assert from "node:assert/strict";
import { eventInWords } from "../../../../api/pages/static/views/job/event_words.js";

for (const type of ["checkpoint_damaged", "not_exact"]) {
  Deno.test(`an event "${type}" is told with its reason`, () => {
    const event = { id: "1", type, job_id: "job-1", attempt: 1, created_at: "2026-11-29T12:00:00Z", data: { step: 6, message: "its file is cut short" } };
    assert.equal(eventInWords(event).detail, "its file is cut short");
  });
}
