import assert from "node:assert/strict";
import { forkRequest } from "../../../../api/pages/static/views/job/fork_request.js";

const empty = { checkpoint: "last", withOptimizer: true, name: "", epochs: "", learningRate: "", changes: "" };

Deno.test("without changes the fork ends as its parent would", () => {
  assert.deepEqual(forkRequest(empty), { checkpoint: "last", with_optimizer: true, spec: {} });
});

Deno.test("fields of their own come beside those of the JSON", () => {
  const form = { ...empty, checkpoint: "135", name: " longer ", epochs: "50", learningRate: "1e-4", changes: '{"training": {"seed": 7}, "priority": 2}' };
  assert.deepEqual(forkRequest(form), {
    checkpoint: 135,
    with_optimizer: true,
    spec: { name: "longer", priority: 2, training: { seed: 7, num_epochs: 50, learning_rate: 1e-4 } },
  });
});

Deno.test("what is no number is left to the service to refuse", () => {
  assert.deepEqual(forkRequest({ ...empty, epochs: "many" }).spec, { training: { num_epochs: "many" } });
});

Deno.test("other fields that are no JSON object are refused", () => {
  assert.throws(() => forkRequest({ ...empty, changes: "{seed: 7}" }), SyntaxError);
  assert.throws(() => forkRequest({ ...empty, changes: "[7]" }), SyntaxError);
});
