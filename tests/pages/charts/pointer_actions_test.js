import assert from "node:assert/strict";
import { pointerActions } from "../../../api/pages/static/charts/pointer_actions.js";
import { Zoom } from "../../../api/pages/static/charts/zoom.js";
import { notedEffects } from "./chart_effects.js";
import { chartState, drawnState, series } from "./chart_states.js";

/** @import { ChartState } from "../../../api/pages/static/charts/chart_state.js" */

/** @param {ChartState} state */
function handOn(state) {
  const effects = notedEffects(state);
  const zoom = new Zoom(state, { changed: () => {}, settled: () => {} });
  const { left, top } = state.area ?? { left: 0, top: 0 };
  return { ...pointerActions(state, zoom, effects), noted: effects.noted, rest: () => zoom.forget(), left, top };
}

Deno.test("the cursor goes to the nearest point of any curve", () => {
  const hand = handOn(drawnState());
  hand.point(hand.left + 60, hand.top);
  assert.deepEqual(hand.noted, [["moveCursor", 50]]);
});

Deno.test("of three curves the one beside the pointer is meant, and none where all are far", () => {
  const three = [10, 5, 0].map((value) => series(`at ${value}`, [0, 100], [value, value]));
  const hand = handOn(drawnState({ series: three }));
  const middle = hand.top + 25;
  hand.point(hand.left, middle + 9);
  hand.point(hand.left, middle + 200);
  assert.deepEqual(hand.noted.filter(([name]) => name === "pointAtCurve").map(([, id]) => id), ["at 5", null]);
});

Deno.test("dragging, to either side, marks a part of the area and then shows it", () => {
  for (const [start, end] of /** @type {const} */ ([[20, 40], [40, 20]])) {
    const state = drawnState();
    const hand = handOn(state);
    hand.selecting(hand.left + start, hand.left + end);
    hand.selected(hand.left + start, hand.left + end);
    assert.deepEqual(hand.noted, [["select", [start, end]], ["select", null]]);
    assert.deepEqual(state.view, { from: 20, to: 40, follows: false });
  }
});

Deno.test("a drag that is given up shows nothing else", () => {
  const state = drawnState();
  const hand = handOn(state);
  hand.unselected();
  assert.deepEqual([hand.noted, state.range], [[["select", null]], [0, 100]]);
});

Deno.test("what is picked is a point", () => {
  const hand = handOn(drawnState());
  hand.pick(hand.left + 90);
  assert.deepEqual(hand.noted, [["pick", 100]]);
});

Deno.test("a pinch zooms about the place between the fingers, and a window is panned by pixels", () => {
  const state = drawnState();
  const hand = handOn(state);
  hand.zoom(0.5, hand.left + 40);
  assert.deepEqual(state.range, [20, 70]);
  hand.pan(10);
  assert.deepEqual(state.range, [25, 75]);
  hand.reset();
  assert.deepEqual(state.range, [0, 100]);
  hand.rest();
});

Deno.test("where nothing is drawn, pointers do nothing", () => {
  const hand = handOn(chartState({ series: [] }));
  hand.point(10, 10);
  hand.pick(10);
  hand.pan(10);
  hand.zoom(0.5, 10);
  assert.deepEqual(hand.noted, []);
});
