/** The parameters of a model by part, with the product that makes each number. */

import { integer } from "../../format/numbers.js";

/** @import { ParametersRecord } from "../../types/records.d.ts" */

/** @typedef {{part: string, formula: string, value: number, meaning: string}} ParameterRow */

/**
 * @param {ParametersRecord} parameters
 * @param {{context_length: number, emb_dim: number, qkv_bias: boolean}} model
 * @returns {ParameterRow[]} they add up to the total; a formula is "" where the model is of another kind than it says
 */
export function parameterRows(parameters, { context_length: context, emb_dim: width, qkv_bias: hasBias }) {
  const { token_embedding, position_embedding, blocks, block, final_norm, head } = parameters;
  const vocabulary = token_embedding / width;
  const c = integer(width);
  const v = integer(vocabulary);
  return [
    row("Token embedding", token_embedding, vocabulary * width, `${v} × ${c}`, "a vector for each token of the vocabulary"),
    row("Position embedding", position_embedding, context * width, `${integer(context)} × ${c}`, "a vector for each place in the context"),
    row(
      "Attention",
      blocks * block.attention,
      blocks * (4 * width * width + (hasBias ? 4 : 1) * width),
      `${blocks} × (4 × ${c}² + ${hasBias ? "4 × " : ""}${c})`,
      "query, key, value and output matrices of each block, and their biases",
    ),
    row("Feed-forward", blocks * block.feed_forward, blocks * (8 * width * width + 5 * width), `${blocks} × (8 × ${c}² + 5 × ${c})`, "to four times the width and back, in each block, with biases"),
    row("Norms", blocks * block.norms + final_norm, (4 * blocks + 2) * width, `(${blocks} × 4 + 2) × ${c}`, "a scale and a shift, twice in each block and once at the end"),
    row("Output head", head, head === 0 ? 0 : vocabulary * width, head === 0 ? "0" : `${v} × ${c}`, head === 0 ? "is the token embedding’s matrix (tied)" : "from a vector back to a number for each token"),
  ];
}

/**
 * @param {string} part
 * @param {number} value
 * @param {number} expected
 * @param {string} formula
 * @param {string} meaning
 * @returns {ParameterRow}
 */
function row(part, value, expected, formula, meaning) {
  return { part, value, formula: value === expected ? formula : "", meaning };
}
