/** @import { DecodingSettings } from "./decoding_section.js" */

/** @type {DecodingSettings} */
const USUAL = { temperature: 1, topK: 20, topP: 1 };

/**
 * @param {URLSearchParams} query
 * @returns {DecodingSettings}
 */
export function decodingSettings(query) {
  return {
    temperature: within(query.get("temperature"), 0, 2, USUAL.temperature),
    topK: Math.round(within(query.get("top_k"), 1, 20, USUAL.topK)),
    topP: within(query.get("top_p"), 0.05, 1, USUAL.topP),
  };
}

/**
 * What differs from the usual, for a link.
 * @param {DecodingSettings} settings
 */
export function queryOfDecoding({ temperature, topK, topP }) {
  return {
    temperature: temperature === USUAL.temperature ? null : String(temperature),
    top_k: topK === USUAL.topK ? null : topK,
    top_p: topP === USUAL.topP ? null : topP,
  };
}

/**
 * @param {string | null} text
 * @param {number} least
 * @param {number} most
 * @param {number} usual
 */
function within(text, least, most, usual) {
  const value = text === null ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : usual;
}
