/** Tokens as text. They are bytes: those of several together may be one character. */

/**
 * The text of each token. A character that several tokens make is that of the last of them.
 * @param {readonly {bytes: readonly number[]}[]} tokens
 * @returns {string[]}
 */
export function textsOf(tokens) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return tokens.map(({ bytes }) => decoder.decode(Uint8Array.from(bytes), { stream: true }));
}

/**
 * The text of all of them.
 * @param {readonly {bytes: readonly number[]}[]} tokens
 * @returns {string | null} null if their bytes are no whole characters
 */
export function textOf(tokens) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(tokens.flatMap(({ bytes }) => bytes)));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/**
 * A token's name: what is blank in it can be seen.
 * @param {string} text
 */
export function visible(text) {
  if (text === "") return "(part of a character)";
  return text.replaceAll(" ", "·").replaceAll("\r", "␍").replaceAll("\n", "↵").replaceAll("\t", "⇥");
}

/**
 * How a token is told by voice.
 * @param {string} text
 */
export function spoken(text) {
  const blank = { "": "part of a character", "\n": "line break", "\n\n": "two line breaks", " ": "space" }[text];
  return blank ?? text.trim().replaceAll("\n", " line break ");
}

/**
 * @param {number | null | undefined} nats
 * @returns {number | null}
 */
export function probability(nats) {
  return nats == null ? null : Math.exp(-nats);
}

/**
 * 0.23 → "23 %"; what is small keeps a digit.
 * @param {number | null} fraction
 */
export function probabilityText(fraction) {
  if (fraction === null) return "–";
  const share = fraction * 100;
  if (share >= 99.95) return "100 %";
  if (share >= 9.95) return `${share.toFixed(0)} %`;
  if (share >= 0.1) return `${share.toFixed(1)} %`;
  return "< 0.1 %";
}

/** Nats from which on a surprise is shown as the greatest: a probability of 1 in 1,100. */
const MOST_NATS = 7;

/**
 * How strongly a token is shaded: 0 for a certain one, 1 for one that nothing spoke for.
 * @param {number | null | undefined} nats
 */
export function shade(nats) {
  return nats == null ? 0 : Math.min(1, Math.max(0, nats / MOST_NATS));
}
