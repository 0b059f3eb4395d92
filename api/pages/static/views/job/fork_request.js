/** The request that forks a job, from what a person has filled in. */

/** @import { ForkRequest } from "../../types/records.d.ts" */

/**
 * @typedef {object} ForkForm  as text
 * @property {string} checkpoint
 * @property {boolean} withOptimizer
 * @property {string} name
 * @property {string} epochs  empty: the parent's
 * @property {string} learningRate
 * @property {string} changes  other fields, as JSON
 */

/**
 * @param {ForkForm} form
 * @returns {ForkRequest}
 * @throws {SyntaxError} if the other fields are no JSON object
 */
export function forkRequest({ checkpoint, withOptimizer, name, epochs, learningRate, changes }) {
  const other = changes.trim() === "" ? {} : JSON.parse(changes);
  if (other === null || typeof other !== "object" || Array.isArray(other)) throw new SyntaxError("it is another value");
  const training = {
    ...other.training,
    ...(epochs.trim() === "" ? {} : { num_epochs: numberOrText(epochs) }),
    ...(learningRate.trim() === "" ? {} : { learning_rate: numberOrText(learningRate) }),
  };
  const spec = { ...other, ...(name.trim() === "" ? {} : { name: name.trim() }), ...(Object.keys(training).length > 0 ? { training } : {}) };
  return { checkpoint: /^\d+$/.test(checkpoint) ? Number(checkpoint) : /** @type {"last"} */ (checkpoint), with_optimizer: withOptimizer, spec };
}

/**
 * What is no number goes to the service as it is, which says what would be right.
 * @param {string} text
 */
function numberOrText(text) {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}
