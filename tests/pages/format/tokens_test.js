import assert from "node:assert/strict";
import { probabilityText, shade, spoken, textOf, textsOf, visible } from "../../../api/pages/static/format/tokens.js";

const bytes = (/** @type {string} */ text) => [...new TextEncoder().encode(text)];

Deno.test("a character of several tokens is the text of the last of them", () => {
  const [first = 0, ...rest] = bytes("é");
  assert.deepEqual(textsOf([{ bytes: bytes("caf") }, { bytes: [first] }, { bytes: rest }]), ["caf", "", "é"]);
});

Deno.test("tokens are a text only if their bytes are whole characters", () => {
  const [first = 0, ...rest] = bytes("é");
  assert.equal(textOf([{ bytes: [first] }, { bytes: rest }]), "é");
  assert.equal(textOf([{ bytes: [first] }]), null);
  assert.equal(textOf([]), "");
});

Deno.test("what is blank in a token can be seen and heard", () => {
  assert.equal(visible(" the\n\t"), "·the↵⇥");
  assert.equal(spoken(" the"), "the");
  assert.equal(spoken("\n"), "line break");
});

Deno.test("a probability never reads as none or all where it is neither", () => {
  assert.equal(probabilityText(1), "100 %");
  assert.equal(probabilityText(0.23), "23 %");
  assert.equal(probabilityText(0.0123), "1.2 %");
  assert.equal(probabilityText(1e-9), "< 0.1 %");
  assert.equal(probabilityText(null), "–");
});

Deno.test("a certain token is not shaded, and none more than wholly", () => {
  assert.equal(shade(0), 0);
  assert.equal(shade(null), 0);
  assert.equal(shade(100), 1);
  assert.ok(shade(1) < shade(3));
});
