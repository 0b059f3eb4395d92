/** A sample cut into what it was given, what the model wrote itself, and what it has from the training text. */

/**
 * @typedef {object} CopiedSpan
 * @property {number} start  characters before it in the sample
 * @property {number} end
 * @property {number} offset  characters before it in the training text
 * @property {number} words
 */

/** @typedef {{text: string, kind: "prompt" | "own" | "copied", span: CopiedSpan | null}} Piece */

/**
 * @param {string} text  the prompt and its continuation
 * @param {string} prompt
 * @param {readonly CopiedSpan[]} spans  in their order, none over another; the service counts characters, not UTF-16
 * @returns {Piece[]}
 */
export function piecesOf(text, prompt, spans) {
  const characters = [...text];
  const promptEnd = text.startsWith(prompt) ? [...prompt].length : 0;
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  /** @param {number} end @param {Piece["kind"]} kind @param {CopiedSpan | null} span */
  const cut = (end, kind, span) => {
    if (end <= at) return;
    pieces.push({ text: characters.slice(at, end).join(""), kind, span });
    at = end;
  };
  cut(promptEnd, "prompt", null);
  for (const span of spans) {
    cut(span.start, "own", null);
    cut(span.end, "copied", span);
  }
  cut(characters.length, "own", null);
  return pieces;
}
