import assert from "node:assert/strict";
import { bytesPerToken, trainCharacters, trainTokens } from "../../../../api/pages/static/views/data/split.js";

const tokens = (/** @type {string[]} */ ...texts) => texts.map((text) => ({ text }));

Deno.test("a plain text is cut after the characters that are trained on, as jobs cut it", () => {
  assert.equal(trainCharacters(15, false, 0.9), 13);
  assert.equal(trainTokens(tokens("ab", "cd", "ef"), 9, 13, false), 2);
});

Deno.test("a part before the cut is trained on, and one behind it is not", () => {
  assert.equal(trainTokens(tokens("ab", "cd"), 0, 13, false), 2);
  assert.equal(trainTokens(tokens("ab", "cd"), 13, 13, false), 0);
});

Deno.test("a document in which the cut falls is trained on to its end", () => {
  assert.equal(trainCharacters(15, true, 0.9), 14);
  assert.equal(trainTokens(tokens("ab", "cd", "\0", "ef", "\0"), 0, 3, true), 3);
});

Deno.test("characters of more than one unit count as one", () => {
  assert.equal(trainTokens(tokens("😀", "a", "b"), 0, 2, false), 2);
});

Deno.test("bytes per token are those from the first to the last", () => {
  assert.equal(bytesPerToken([{ start: 0, end: 4 }, { start: 4, end: 6 }]), 3);
  assert.equal(bytesPerToken([]), null);
});
