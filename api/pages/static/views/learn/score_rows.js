/** A scored text, token by token. */

/** @import { ScoreRecord, TokenScoreRecord } from "../../types/records.d.ts" */

/** Nats beyond which a token is shaded no darker: a probability of 1 in 60,000. */
const DARKEST_NATS = 11;

/**
 * @param {number} nats
 * @returns {number} the probability of which they are the loss
 */
export function probabilityOf(nats) {
  return Math.exp(-nats);
}

/**
 * @param {ScoreRecord} score
 * @returns {{count: number, sum: number} | null} of the tokens that have a loss; null without any, or if one is not finite
 */
export function sumOf({ tokens, loss }) {
  const nats = tokens.slice(1).map((token) => token.nats);
  if (loss === null || nats.some((each) => each === null)) return null;
  return { count: nats.length, sum: nats.reduce((/** @type {number} */ sum, each) => sum + (each ?? 0), 0) };
}

/**
 * @param {TokenScoreRecord} token
 * @returns {number} from 0, foreseen, to 1
 */
export function surprise({ nats }) {
  return nats === null ? 0 : Math.min(1, Math.max(0, nats / DARKEST_NATS));
}

/**
 * 12.3 %, 0.04 %, 1 in 1,538,000
 * @param {number} probability
 */
export function probabilityInWords(probability) {
  if (probability >= 0.9995) return "> 99.9 %";
  if (probability >= 0.1) return `${(probability * 100).toFixed(1)} %`;
  if (probability >= 1e-4) return `${Number((probability * 100).toPrecision(2))} %`;
  if (probability === 0) return "0 %";
  return `1 in ${Number((1 / probability).toPrecision(2)).toLocaleString("en-GB")}`;
}
