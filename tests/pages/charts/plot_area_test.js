import assert from "node:assert/strict";
import { layOut, plotArea, withAir } from "../../../api/pages/static/charts/plot_area.js";
import { chartState, series } from "./chart_states.js";

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

const size = { width: 800, height: 300 };

Deno.test("a plot is laid out for what is seen of the curves that are shown", () => {
  const state = chartState({ size, view: { from: 40, to: 60, follows: false } });
  const { area } = layOut(state) ?? {};
  assert.deepEqual(area?.x.domain, [40, 60]);
  assert.deepEqual(area?.y.domain, [0, 6.25]);
  state.hidden.add("train");
  assert.ok((layOut(state)?.area.y.domain[1] ?? 0) > 9);
});

Deno.test("outliers are left out and counted, where they are to be", () => {
  const x = Array.from({ length: 200 }, (_, index) => index);
  const curves = [series("train", x, x.map((step) => (step === 100 ? 1000 : 1 + (step % 7))))];
  const laidOut = [true, false].map((clipsOutliers) => layOut(chartState({ size, series: curves, options: { isLogX: false, isLogY: false, clipsOutliers } })));
  assert.deepEqual(laidOut.map((layout) => layout?.outside), [1, 0]);
  assert.deepEqual(laidOut.map((layout) => (layout?.area.y.domain[1] ?? 0) > 1000), [false, true]);
});

Deno.test("without points, or room, there is nothing to lay out; without values there still is x", () => {
  assert.equal(layOut(chartState({ size, series: [] })), null);
  assert.equal(layOut(chartState()), null);
  assert.deepEqual(layOut(chartState({ size, series: [series("train", [0, 5], [NaN, NaN])] }))?.area.x.domain, [0, 5]);
});
