import assert from "node:assert/strict";
import { isHere, statusOf } from "../../../../api/pages/static/views/data/dataset_status.js";

Deno.test("a built-in text of which nothing is known yet is not called ready", () => {
  assert.equal(statusOf({ status: "ready", builtin: true, characters: null }), "fetched when first used");
  assert.equal(statusOf({ status: "ready", builtin: true, characters: 20_479 }), "ready");
});

Deno.test("what can't be read is a built-in text that nobody has used, and only that", () => {
  assert.equal(isHere({ status: "ready", builtin: true, characters: null }), false);
  assert.equal(isHere({ status: "ready", builtin: true, characters: 20_479 }), true);
  assert.equal(isHere({ status: "preparing", builtin: false, characters: null }), true);
});

Deno.test("a text of one's own has the status that the service gives it", () => {
  assert.equal(statusOf({ status: "preparing", builtin: false, characters: null }), "preparing");
  assert.equal(statusOf({ status: "failed", builtin: false, characters: null }), "failed");
});
