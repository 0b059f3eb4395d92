import assert from "node:assert/strict";
import { flops, parameterParts, tokensPerParameter } from "../../../../api/pages/static/views/new_job/estimate_words.js";

const PARAMETERS = {
  token_embedding: 100,
  position_embedding: 10,
  blocks: 2,
  block: { attention: 20, feed_forward: 40, norms: 4, total: 64 },
  final_norm: 2,
  head: 0,
  total: 240,
  without_head: 240,
};

Deno.test("the parts of a model add up to all its parameters", () => {
  const parts = parameterParts(PARAMETERS);
  assert.equal(parts.reduce((sum, { value }) => sum + value, 0), PARAMETERS.total);
});

Deno.test("tokens per parameter have two digits, and are not known before the text is counted", () => {
  const estimate = /** @type {any} */ ({ parameters: PARAMETERS, tokens: { total: 960 } });
  assert.equal(tokensPerParameter(estimate), "4");
  assert.equal(tokensPerParameter({ ...estimate, tokens: { total: 1 } }), "0.0042");
  assert.equal(tokensPerParameter({ ...estimate, tokens: null }), "not known");
});

Deno.test("many operations are written as a power of ten", () => {
  assert.equal(flops(1.23e15), "1.2 · 10¹⁵");
  assert.equal(flops(1200), "1,200");
});
