import assert from "node:assert/strict";
import { parameterRows } from "../../../../api/pages/static/views/learn/parameter_rows.js";

/** The lecture's GPT, as the service counts it. */
const PARAMETERS = {
  token_embedding: 38_597_376,
  position_embedding: 196_608,
  blocks: 12,
  block: { attention: 2_360_064, feed_forward: 4_722_432, norms: 3072, total: 7_085_568 },
  final_norm: 1536,
  head: 38_597_376,
  total: 162_419_712,
  without_head: 123_822_336,
};
const MODEL = { context_length: 256, emb_dim: 768, qkv_bias: false };

Deno.test("the parts add up to the total, and each product to its part", () => {
  const rows = parameterRows(PARAMETERS, MODEL);
  assert.equal(rows.reduce((sum, { value }) => sum + value, 0), PARAMETERS.total);
  assert.deepEqual(rows.map(({ formula }) => formula), [
    "50,257 × 768",
    "256 × 768",
    "12 × (4 × 768² + 768)",
    "12 × (8 × 768² + 5 × 768)",
    "(12 × 4 + 2) × 768",
    "50,257 × 768",
  ]);
});

Deno.test("a product that does not give its part is not shown", () => {
  const rows = parameterRows(PARAMETERS, { ...MODEL, qkv_bias: true });
  assert.equal(rows.find(({ part }) => part === "Attention")?.formula, "");
});

Deno.test("a tied head has no parameters of its own", () => {
  const rows = parameterRows({ ...PARAMETERS, head: 0 }, MODEL);
  assert.deepEqual([rows.at(-1)?.value, rows.at(-1)?.formula], [0, "0"]);
});
