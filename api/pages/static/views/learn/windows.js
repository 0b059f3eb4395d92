/** A text as the windows that a model trains on: inputs, and the same one token later as targets. */

/** @import { TextTokenRecord } from "../../types/records.d.ts" */

/** @typedef {Pick<TextTokenRecord, "id" | "text">} Token */
/** @typedef {{start: number, inputs: Token[], targets: Token[]}} TokenWindow */

/**
 * @param {readonly Token[]} tokens  from the text's start
 * @param {number} index
 * @param {number} contextLength
 * @param {number} stride
 * @returns {TokenWindow | null} null where there are not enough of them
 */
export function windowAt(tokens, index, contextLength, stride) {
  const start = index * stride;
  const inside = tokens.slice(start, start + contextLength + 1);
  if (inside.length <= contextLength) return null;
  return { start, inputs: inside.slice(0, -1), targets: inside.slice(1) };
}

/**
 * How many windows there are, as the service counts them (`model/steps.py`).
 * @param {number} tokens
 * @param {number} contextLength
 * @param {number} stride
 */
export function windowCount(tokens, contextLength, stride) {
  return tokens <= contextLength ? 0 : Math.floor((tokens - contextLength - 1) / stride) + 1;
}

/**
 * What a reader sees of a token that is white space, or ends a document.
 * @param {string} text
 */
export function visible(text) {
  return text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll("\u0000", "⏹").replace(/^ +$/, (spaces) => "␣".repeat(spaces.length));
}
