import assert from "node:assert/strict";
import { WHOLE } from "../../../api/pages/static/charts/view_window.js";
import { Zoom } from "../../../api/pages/static/charts/zoom.js";
import { chartState } from "./chart_states.js";

/** @import { ChartState } from "../../../api/pages/static/charts/chart_state.js" */
/** @import { Range } from "../../../api/pages/static/charts/series.js" */

/** @param {ChartState} state */
function zoomOf(state) {
  /** @type {(Range | null)[]} */
  const told = [];
  /** @type {PromiseWithResolvers<void>} */
  const { promise: isSettled, resolve } = Promise.withResolvers();
  let changes = 0;
  const zoom = new Zoom(state, {
    changed: () => (changes += 1),
    settled: (range) => {
      told.push(range);
      resolve();
    },
  });
  return { zoom, told, isSettled, changes: () => changes };
}

/** All that was to settle by now has: a timer that is set later, and as long, runs after those before it. */
async function settled() {
  const { zoom, isSettled } = zoomOf(chartState());
  zoom.by(0.5, 0);
  await isSettled;
}

const part = { from: 20, to: 40, follows: false };

Deno.test("a window that was dragged is told at once, and so is the whole again, once", () => {
  const state = chartState();
  const { zoom, told } = zoomOf(state);
  zoom.show([20, 40]);
  assert.deepEqual(state.view, part);
  zoom.reset();
  zoom.reset();
  assert.deepEqual(state.view, WHOLE);
  assert.deepEqual(told, [[20, 40], null]);
});

Deno.test("of many small zooms each is shown, and the last one is told", async () => {
  const state = chartState();
  const { zoom, told, changes } = zoomOf(state);
  for (let count = 0; count < 3; count += 1) zoom.by(0.5, 0);
  assert.deepEqual([changes(), told], [3, []]);
  await settled();
  assert.deepEqual(told, [[0, 12.5]]);
});

Deno.test("what is dragged is told instead of a zoom that has not settled", async () => {
  const { zoom, told } = zoomOf(chartState());
  zoom.by(0.5, 0);
  zoom.show([20, 40]);
  await settled();
  assert.deepEqual(told, [[20, 40]]);
});

Deno.test("of a chart that is gone no zoom is told any more", async () => {
  const { zoom, told } = zoomOf(chartState());
  zoom.by(0.5, 0);
  zoom.forget();
  await settled();
  assert.deepEqual(told, []);
});

Deno.test("a window is panned by a share of its width as far as there are points, the whole not at all", () => {
  const state = chartState({ view: part });
  const { zoom, changes } = zoomOf(state);
  zoom.pan(0.5);
  assert.deepEqual(state.view, { from: 30, to: 50, follows: false });
  zoom.pan(-9);
  assert.deepEqual(state.view, { from: 0, to: 20, follows: false });
  zoom.reset();
  zoom.pan(0.5);
  assert.deepEqual([state.view, changes()], [WHOLE, 3]);
});

Deno.test("a window moves just as far as it takes to see a place", () => {
  const state = chartState({ view: part });
  const { zoom } = zoomOf(state);
  zoom.moveTo(30);
  assert.deepEqual(state.view, part);
  zoom.moveTo(50);
  assert.deepEqual(state.view, { from: 30, to: 50, follows: false });
  zoom.moveTo(10);
  assert.deepEqual(state.view, { from: 10, to: 30, follows: false });
  zoom.forget();
});

Deno.test("a window that follows tells what it then shows", () => {
  const state = chartState({ view: part });
  const { zoom, told } = zoomOf(state);
  zoom.toggleFollows();
  zoom.toggleFollows();
  assert.deepEqual(told, [[80, 100], [20, 40]]);
});

Deno.test("a chart without points can't be zoomed", () => {
  const state = chartState({ series: [] });
  const { zoom, changes } = zoomOf(state);
  zoom.show([0, 10]);
  zoom.by(0.5, 0);
  zoom.pan(0.5);
  zoom.moveTo(7);
  assert.equal(changes(), 0);
});
