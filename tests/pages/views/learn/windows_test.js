import assert from "node:assert/strict";
import { visible, windowAt, windowCount } from "../../../../api/pages/static/views/learn/windows.js";

const TOKENS = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map((text, id) => ({ id, text }));

Deno.test("the targets of a window are its inputs one token later", () => {
  const window = windowAt(TOKENS, 1, 4, 4);
  assert.deepEqual(window?.inputs.map(({ id }) => id), [4, 5, 6, 7]);
  assert.deepEqual(window?.targets.map(({ id }) => id), [5, 6, 7, 8]);
  assert.equal(window?.start, 4);
});

Deno.test("a window that the text does not fill is none", () => {
  assert.equal(windowAt(TOKENS, 2, 4, 4), null);
  assert.equal(windowAt(TOKENS.slice(0, 4), 0, 4, 4), null);
});

Deno.test("there are as many windows as the service counts", () => {
  assert.equal(windowCount(9, 4, 4), 2);
  assert.equal(windowCount(4688, 64, 64), 73);
  assert.equal(windowCount(9, 4, 1), 5);
  assert.equal(windowCount(4, 4, 4), 0);
});

Deno.test("white space can be seen", () => {
  assert.equal(visible("\n"), "⏎");
  assert.equal(visible("  "), "␣␣");
  assert.equal(visible(" the"), " the");
});
