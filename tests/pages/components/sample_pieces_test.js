import assert from "node:assert/strict";
import { piecesOf } from "../../../api/pages/static/components/sample_pieces.js";

/**
 * @param {number} start
 * @param {number} end
 */
const span = (start, end) => ({ start, end, offset: 100, words: 2 });

/** @param {ReturnType<typeof piecesOf>} pieces */
const shown = (pieces) => pieces.map(({ text, kind }) => [kind, text]);

Deno.test("a sample is the prompt, what is copied and what is the model's own", () => {
  assert.deepEqual(shown(piecesOf("Every effort was a cheap genius then", "Every effort", [span(17, 31)])), [
    ["prompt", "Every effort"],
    ["own", " was "],
    ["copied", "a cheap genius"],
    ["own", " then"],
  ]);
});

Deno.test("places are those of characters, also behind some that take two units of UTF-16", () => {
  assert.deepEqual(shown(piecesOf("🛶🛶 one two", "🛶🛶", [span(3, 10)])), [["prompt", "🛶🛶"], ["own", " "], ["copied", "one two"]]);
});

Deno.test("the pieces are the whole text, whatever is copied", () => {
  const text = "a b c d e f";
  for (const spans of [[], [span(0, 11)], [span(2, 5), span(6, 11)]]) {
    assert.equal(piecesOf(text, "", spans).map((piece) => piece.text).join(""), text);
  }
  assert.deepEqual(shown(piecesOf(text, "another", [])), [["own", text]]);
});
