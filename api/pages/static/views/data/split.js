/** Where the training text ends, as jobs split a text (`model/storage/splits.py`). */

/**
 * Characters of the training text. Of several documents those are trained on that begin before.
 * @param {number} characters  of the whole text, ends of documents among them
 * @param {boolean} areDocuments  several, which stay whole
 * @param {number} ratio
 */
export function trainCharacters(characters, areDocuments, ratio) {
  return areDocuments ? Math.ceil(ratio * characters) : Math.floor(ratio * characters);
}

/**
 * How many of a part's tokens are of the training text. Of a document that began before the part, the place where the
 * part begins decides.
 * @param {readonly {text: string}[]} tokens
 * @param {number} offset  characters before the part
 * @param {number} trained  characters of the training text
 * @param {boolean} areDocuments  several, which stay whole
 */
export function trainTokens(tokens, offset, trained, areDocuments) {
  let at = offset;
  for (const [index, { text }] of tokens.entries()) {
    const mayBegin = !areDocuments || index === 0 || tokens[index - 1]?.text === "\0";
    if (at >= trained && mayBegin) return index;
    at += [...text].length;
  }
  return tokens.length;
}

/**
 * Bytes of each token, on average.
 * @param {readonly {start: number, end: number}[]} tokens
 */
export function bytesPerToken(tokens) {
  return tokens.length === 0 ? null : ((tokens.at(-1)?.end ?? 0) - (tokens[0]?.start ?? 0)) / tokens.length;
}
