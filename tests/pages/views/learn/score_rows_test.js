import assert from "node:assert/strict";
import { probabilityInWords, probabilityOf, sumOf, surprise } from "../../../../api/pages/static/views/learn/score_rows.js";

/** @param {(number | null)[]} nats */
function scored(nats) {
  const tokens = nats.map((each) => ({ token: "a", bytes: [97], nats: each, rank: 1 }));
  return { job_id: "job-1", model_id: null, checkpoint: 9, tokens, loss: 1, perplexity: 1, bits_per_byte: 1 };
}

Deno.test("the sum is over the tokens that follow others", () => {
  assert.deepEqual(sumOf(scored([null, 2, 1])), { count: 2, sum: 3 });
  assert.equal(sumOf(scored([null, 2, null])), null);
  assert.equal(sumOf({ ...scored([null]), loss: null }), null);
});

Deno.test("a loss of ln 50,257 is a probability of 1 in 50,257", () => {
  assert.ok(Math.abs(1 / probabilityOf(Math.log(50_257)) - 50_257) < 1e-6);
  assert.equal(probabilityInWords(probabilityOf(Math.log(50_000))), "1 in 50,000");
});

Deno.test("probabilities are written so that small ones can be told apart", () => {
  assert.equal(probabilityInWords(0.25), "25.0 %");
  assert.equal(probabilityInWords(0.0123), "1.2 %");
  assert.equal(probabilityInWords(0.000123), "0.012 %");
  assert.equal(probabilityInWords(0.99999), "> 99.9 %");
  assert.equal(probabilityInWords(0), "0 %");
});

Deno.test("surprise goes from 0 to 1", () => {
  assert.equal(surprise({ token: "a", bytes: [97], nats: null, rank: null }), 0);
  assert.equal(surprise({ token: "a", bytes: [97], nats: 5.5, rank: 1 }), 0.5);
  assert.equal(surprise({ token: "a", bytes: [97], nats: 30, rank: 1 }), 1);
});
