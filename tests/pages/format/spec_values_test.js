import assert from "node:assert/strict";
import { leaves, valueInWords } from "../../../api/pages/static/format/spec_values.js";

Deno.test("a field of a section has its section's name before its own; lists and empty sections are values", () => {
  const spec = { name: "a", training: { seed: 1, betas: [0.9, 0.999] }, metadata: {} };
  assert.deepEqual(leaves(spec), [["name", "a"], ["training.seed", 1], ["training.betas", [0.9, 0.999]], ["metadata", {}]]);
});

Deno.test("values are read as words", () => {
  assert.deepEqual([null, true, [0.9, 0.999], {}, "", [], { a: 1 }].map(valueInWords), ["none", "yes", "0.9, 0.999", "none", "(empty)", "none", '{"a":1}']);
});
