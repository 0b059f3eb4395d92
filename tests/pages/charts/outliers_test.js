import assert from "node:assert/strict";
import { valueRange } from "../../../api/pages/static/charts/outliers.js";

const course = Array.from({ length: 200 }, (_, index) => 2 + Math.sin(index));

Deno.test("one spike does not flatten the curve, and is counted", () => {
  const range = valueRange([...course, 500], true);
  assert.ok(range !== null && range.high < 4);
  assert.equal(range.outside, 1);
});

Deno.test("who does not want that sees the spike", () => {
  assert.deepEqual(valueRange([...course, 500], false)?.high, 500);
});

Deno.test("the high losses of the beginning are no outliers", () => {
  const losses = Array.from({ length: 300 }, (_, index) => 3 + 8 * Math.exp(-index / 6));
  assert.deepEqual(valueRange(losses, true), { low: Math.min(...losses), high: 11, outside: 0 });
});

Deno.test("of few values none is left out", () => {
  assert.equal(valueRange([1, 1.1, 1.2, 900], true)?.high, 900);
});

Deno.test("a curve that is constant but for a spike shows the spike", () => {
  assert.equal(valueRange([...Array.from({ length: 100 }, () => 1), 5], true)?.high, 5);
});

Deno.test("without a value there is no range", () => {
  assert.equal(valueRange([], true), null);
  assert.equal(valueRange([NaN], false), null);
});
