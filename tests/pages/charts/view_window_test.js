import assert from "node:assert/strict";
import { panned, shownRange, WHOLE, windowOf, zoomed } from "../../../api/pages/static/charts/view_window.js";

Deno.test("the whole grows with its points", () => {
  assert.deepEqual(shownRange(WHOLE, [0, 85]), [0, 85]);
});

Deno.test("a window stays where it is, or moves on with the newest points as wide as it was", () => {
  assert.deepEqual(shownRange({ from: 20, to: 40, follows: false }, [0, 85]), [20, 40]);
  assert.deepEqual(shownRange({ from: 20, to: 40, follows: true }, [0, 85]), [65, 85]);
});

Deno.test("zooming leaves the place under the pointer where it is", () => {
  assert.deepEqual(zoomed([0, 100], 0.5, 20), [10, 60]);
  const [low, high] = zoomed([1, 10_000], 0.5, 100, true);
  assert.ok(Math.abs(low - 10) < 1e-9 && Math.abs(high - 1000) < 1e-6);
});

Deno.test("a window shows nothing beyond the points, and is the whole where it would be as wide", () => {
  assert.deepEqual(windowOf([-10, 10], [0, 85]), { from: 0, to: 20, follows: false });
  assert.deepEqual(windowOf([80, 100], [0, 85]), { from: 65, to: 85, follows: false });
  assert.deepEqual(windowOf([-10, 90], [0, 85]), WHOLE);
  assert.deepEqual(windowOf([5, 5], [0, 85]), WHOLE);
});

Deno.test("panning keeps the width, on a logarithmic axis the factor", () => {
  assert.deepEqual(panned([10, 20], 0.5), [15, 25]);
  const [low, high] = panned([10, 100], 1, true);
  assert.ok(Math.abs(high / low - 10) < 1e-9 && Math.abs(low - 100) < 1e-6);
});
