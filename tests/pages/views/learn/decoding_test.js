import assert from "node:assert/strict";
import { distribution, draw } from "../../../../api/pages/static/views/learn/decoding.js";

const PROBABILITIES = [0.4, 0.2, 0.1, 0.05];
const LOGPROBS = PROBABILITIES.map(Math.log);

/**
 * @param {number[]} odds
 * @param {number[]} wanted
 */
function near(odds, wanted) {
  assert.equal(odds.length, wanted.length);
  for (const [index, value] of wanted.entries()) assert.ok(Math.abs((odds[index] ?? NaN) - value) < 1e-12, `${odds} is not ${wanted}`);
}

Deno.test("at temperature 1 the shares among the k likeliest are the model's", () => {
  near(distribution(LOGPROBS, { temperature: 1, topK: 4, topP: 1 }), PROBABILITIES.map((probability) => probability / 0.75));
  near(distribution(LOGPROBS, { temperature: 1, topK: 2, topP: 1 }), [2 / 3, 1 / 3, 0, 0]);
});

Deno.test("a temperature of a half squares the odds, and one of 0 takes the likeliest", () => {
  near(distribution(LOGPROBS, { temperature: 0.5, topK: 2, topP: 1 }), [0.8, 0.2, 0, 0]);
  near(distribution(LOGPROBS, { temperature: 0, topK: 4, topP: 1 }), [1, 0, 0, 0]);
});

Deno.test("top-p keeps the fewest that reach it, of what temperature and top-k have left", () => {
  near(distribution(LOGPROBS, { temperature: 1, topK: 2, topP: 0.6 }), [1, 0, 0, 0]);
  near(distribution(LOGPROBS, { temperature: 1, topK: 2, topP: 0.7 }), [2 / 3, 1 / 3, 0, 0]);
  near(distribution(LOGPROBS, { temperature: 1, topK: 4, topP: 0.01 }), [1, 0, 0, 0]);
});

Deno.test("what is drawn has a probability", () => {
  assert.equal(draw([0.5, 0, 0.5], 0), 0);
  assert.equal(draw([0.5, 0, 0.5], 0.5), 2);
  assert.equal(draw([0.5, 0, 0.4999], 0.99999), 2);
});
