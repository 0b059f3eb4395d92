import assert from "node:assert/strict";
import { plotArea, withAir } from "../../../api/pages/static/charts/plot_area.js";

Deno.test("values near 0 are seen against it, and so are those that are constant", () => {
  assert.deepEqual(withAir([0.4, 10], false)[0], 0);
  assert.deepEqual(withAir([4e-4, 4e-4], false), [0, 5e-4]);
});

Deno.test("values far from 0 fill the picture, with some air about them", () => {
  const [low, high] = withAir([100, 110], false);
  assert.ok(low > 90 && low < 100 && high > 110 && high < 120);
});

Deno.test("what is to be seen against 0 begins there", () => {
  assert.deepEqual(withAir([524, 526], false, true)[0], 0);
  assert.ok(withAir([-2, 526], false, true)[0] < -2);
});

Deno.test("on a logarithmic axis the air is a factor, and nothing goes below 0", () => {
  const [low, high] = withAir([0.1, 10], true);
  assert.ok(low > 0 && low < 0.1 && high > 10);
  assert.ok(withAir([3, 3], true)[0] < 3);
});

Deno.test("charts have their plots below each other, with an axis above or without, and whatever is drawn", () => {
  const x = { range: /** @type {const} */ ([0, 85]), isLog: false };
  const y = { range: /** @type {const} */ ([0, 11]), isLog: false };
  const [one, other] = [true, false].map((hasTop) => plotArea({ width: 800, height: 300 }, hasTop, x, y));
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual([one.left, one.width, one.x.to(40)], [other.left, other.width, other.x.to(40)]);
  assert.ok(one.top > other.top);
});
