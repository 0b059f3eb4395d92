import assert from "node:assert/strict";
import { chartState, drawnState, series } from "./chart_states.js";

Deno.test("a hidden curve is not shown, and the whole of x is still with it", () => {
  const state = chartState({ series: [series("short", [0, 50], [1, 2]), series("long", [0, 200], [1, 2])] });
  state.hidden.add("long");
  assert.deepEqual(state.shown.map(({ id }) => id), ["short"]);
  assert.deepEqual(state.whole, [0, 200]);
});

Deno.test("the whole of x is that of the first peer with points, and of a chart without any there is none", () => {
  const peers = [[], [series("longer", [0, 300], [1, 2])], [series("longest", [0, 900], [1, 2])]].map((of) => ({ series: of, changed: () => {} }));
  assert.deepEqual(chartState({ peers }).whole, [0, 300]);
  assert.equal(chartState({ peers, series: [] }).whole, null);
});

Deno.test("on a logarithmic axis the whole begins above 0", () => {
  const options = { isLogX: true, isLogY: false, clipsOutliers: true };
  assert.deepEqual(chartState({ options }).whole, [50, 100]);
});

Deno.test("what is seen is a window of the whole, which moves on where it follows", () => {
  assert.deepEqual(chartState().range, [0, 100]);
  assert.deepEqual(chartState({ view: { from: 20, to: 40, follows: false } }).range, [20, 40]);
  assert.deepEqual(chartState({ view: { from: 20, to: 40, follows: true } }).range, [80, 100]);
  assert.equal(chartState({ series: [] }).range, null);
});

Deno.test("a pixel beside the area is a place at its edge, and without an area nowhere", () => {
  const state = drawnState();
  const { left = NaN, width } = state.area ?? {};
  assert.equal(width, 100);
  assert.deepEqual([0, left + 30, left + 170].map((pixel) => state.xAt(pixel)), [0, 30, 100]);
  assert.ok(Number.isNaN(chartState().xAt(30)));
});
