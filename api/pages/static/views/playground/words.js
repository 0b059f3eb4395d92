import { counted, decimal, integer } from "../../format/numbers.js";

/** @import { GenerationRecord, ScoreRecord } from "../../types/records.d.ts" */

const ENDINGS = { length: "", stop: " · ended by itself or a stop string", timeout: " · cut off by the time limit" };

/**
 * How a generation ended.
 * @param {GenerationRecord} record
 */
export function endingOf({ completion_tokens: tokens, tokens_per_s: speed, finish_reason: reason, prompt_truncated: isCut }) {
  const cut = isCut ? " · only the end of the prompt fits the context" : "";
  return `${counted(tokens, "token")} · ${integer(speed)}/s${ENDINGS[reason]}${cut}`;
}

/**
 * What a score comes to.
 * @param {ScoreRecord} score
 * @returns {{label: string, value: string, explanation: string}[]}
 */
export function figuresOf({ tokens, loss, perplexity, bits_per_byte: bits }) {
  return [
    { label: "Loss", value: decimal(loss), explanation: "Mean of the tokens' surprise, in nats" },
    { label: "Perplexity", value: decimal(perplexity), explanation: "exp(loss): among so many tokens it hesitates" },
    { label: "Bits per byte", value: decimal(bits), explanation: "Comparable between tokenizers" },
    { label: "Tokens", value: integer(tokens.length), explanation: "The first has no loss: it follows nothing" },
  ];
}
