/**
 * Temperature, top-k and top-p over the likeliest tokens, in the service's order (`model/inference/sampling.py`): the k
 * likeliest stay, their logits are divided by the temperature, and of what that makes the fewest that reach p stay.
 *
 * With no more tokens to choose from than there are here, this is exact: of logits only differences count, and those
 * of log-probabilities are the same.
 */

/**
 * @param {readonly number[]} logprobs  at temperature 1, falling
 * @param {{temperature: number, topK: number, topP: number}} settings
 * @returns {number[]} what each is drawn with; 0 for those that are not
 */
export function distribution(logprobs, { temperature, topK, topP }) {
  const count = Math.min(Math.max(1, topK), logprobs.length);
  if (temperature === 0) return logprobs.map((_, index) => (index === 0 ? 1 : 0));
  const largest = logprobs[0] ?? 0;
  const weights = logprobs.slice(0, count).map((logprob) => Math.exp((logprob - largest) / temperature));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const probabilities = weights.map((weight) => weight / whole);
  let before = 0;
  let kept = 0;
  for (const probability of probabilities) {
    if (topP < 1 && kept > 0 && before >= topP) break;
    before += probability;
    kept += 1;
  }
  const reached = probabilities.slice(0, kept).reduce((sum, probability) => sum + probability, 0);
  return logprobs.map((_, index) => (index < kept ? (probabilities[index] ?? 0) / reached : 0));
}

/**
 * @param {readonly number[]} probabilities  that sum to 1
 * @param {number} random  from 0 to 1
 * @returns {number} the index of what is drawn
 */
export function draw(probabilities, random) {
  let sum = 0;
  let last = 0;
  for (const [index, probability] of probabilities.entries()) {
    if (probability === 0) continue;
    sum += probability;
    last = index;
    if (random < sum) return index;
  }
  return last;
}
