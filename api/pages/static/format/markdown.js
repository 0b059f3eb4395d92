/**
 * A safe part of Markdown, as a tree: paragraphs, headings, lists, code, emphasis, links to the web. Whatever else
 * somebody writes stays the text that it is.
 */

/** @typedef {{kind: "text" | "code" | "strong" | "emphasis", text: string} | {kind: "link", text: string, href: string}} Inline */
/**
 * @typedef {{kind: "paragraph" | "heading", inlines: Inline[]}
 *   | {kind: "list", isOrdered: boolean, items: Inline[][]}
 *   | {kind: "code", text: string}} Block
 */

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])[*_]([^*_\s](?:[^*_\n]*[^*_\s])?)[*_](?![\w*])|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/g;

/**
 * @param {string} text
 * @returns {Block[]}
 */
export function parseMarkdown(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  /** @type {Block[]} */
  const blocks = [];
  let at = 0;
  /** @param {(line: string) => boolean} belongs */
  const takeWhile = (belongs) => {
    const start = at;
    while (at < lines.length && belongs(lines[at] ?? "")) at += 1;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const marker = listMarker(line);
    if (line.trim() === "") {
      at += 1;
    } else if (line.startsWith("```")) {
      at += 1;
      blocks.push({ kind: "code", text: takeWhile((other) => !other.startsWith("```")).join("\n") });
      at += 1;
    } else if (/^#{1,6} /.test(line)) {
      at += 1;
      blocks.push({ kind: "heading", inlines: parseInlines(line.replace(/^#+ +/, "")) });
    } else if (marker !== null) {
      const items = takeWhile((other) => listMarker(other) === marker).map((other) => parseInlines(other.replace(/^\s*(?:[-*+]|\d+[.)]) +/, "")));
      blocks.push({ kind: "list", isOrdered: marker === "number", items });
    } else {
      const own = takeWhile((other) => other.trim() !== "" && !other.startsWith("```") && !/^#{1,6} /.test(other) && listMarker(other) === null);
      blocks.push({ kind: "paragraph", inlines: parseInlines(own.join("\n")) });
    }
  }
  return blocks;
}

/**
 * @param {string} text
 * @returns {Inline[]}
 */
function parseInlines(text) {
  /** @type {Inline[]} */
  const inlines = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, emphasis, label, href, address] = match;
    if (match.index > end) inlines.push({ kind: "text", text: text.slice(end, match.index) });
    end = match.index + whole.length;
    if (code !== undefined) inlines.push({ kind: "code", text: code });
    else if (strong !== undefined) inlines.push({ kind: "strong", text: strong });
    else if (emphasis !== undefined) inlines.push({ kind: "emphasis", text: emphasis });
    else inlines.push({ kind: "link", text: label ?? address ?? "", href: href ?? address ?? "" });
  }
  if (end < text.length) inlines.push({ kind: "text", text: text.slice(end) });
  return inlines;
}

/**
 * @param {string} line
 * @returns {"dot" | "number" | null}
 */
function listMarker(line) {
  if (/^\s*[-*+] +\S/.test(line)) return "dot";
  return /^\s*\d+[.)] +\S/.test(line) ? "number" : null;
}
