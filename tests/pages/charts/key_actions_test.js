import assert from "node:assert/strict";
import { act } from "../../../api/pages/static/charts/key_actions.js";
import { Zoom } from "../../../api/pages/static/charts/zoom.js";
import { notedEffects } from "./chart_effects.js";
import { chartState, series } from "./chart_states.js";

/** @import { ChartState } from "../../../api/pages/static/charts/chart_state.js" */
/** @import { KeyAction } from "../../../api/pages/static/charts/keys.js" */

/**
 * @param {ChartState} state
 * @param {...KeyAction} actions
 */
function doneBy(state, ...actions) {
  const effects = notedEffects(state);
  const zoom = new Zoom(state, { changed: () => {}, settled: () => {} });
  const handled = actions.map((action) => act(action, state, zoom, effects));
  zoom.forget();
  return { handled, noted: effects.noted };
}

Deno.test("the first step goes to the end of what is seen, each other to the next point, which is said", () => {
  const step = /** @type {const} */ ({ does: "step", count: -1 });
  const { handled, noted } = doneBy(chartState(), step, step);
  assert.deepEqual(handled, [true, true]);
  assert.deepEqual(noted, [["moveCursor", 100], ["say", 100], ["moveCursor", 50], ["say", 50]]);
});

Deno.test("the ends are those of the curves that are shown", () => {
  const state = chartState({ series: [series("short", [0, 100], [1, 1]), series("long", [0, 200], [1, 1])] });
  state.hidden.add("long");
  const { noted } = doneBy(state, { does: "last" }, { does: "first" });
  assert.deepEqual(noted.filter(([name]) => name === "moveCursor"), [["moveCursor", 100], ["moveCursor", 0]]);
});

Deno.test("the window moves to a cursor that would be out of sight", () => {
  const state = chartState({ view: { from: 20, to: 40, follows: false } });
  doneBy(state, { does: "last" });
  assert.deepEqual(state.range, [80, 100]);
});

Deno.test("keys zoom about the cursor, and without one about the middle", () => {
  for (const [cursor, range] of /** @type {const} */ ([[0, [0, 50]], [null, [25, 75]]])) {
    const state = chartState({ cursor });
    doneBy(state, { does: "zoom", factor: 0.5 });
    assert.deepEqual(state.range, range);
  }
});

Deno.test("only where a cursor is can something be picked", () => {
  assert.deepEqual(doneBy(chartState(), { does: "pick" }), { handled: [false], noted: [] });
  assert.deepEqual(doneBy(chartState({ cursor: 50 }), { does: "pick" }), { handled: [true], noted: [["pick", 50]] });
});

Deno.test("Escape takes away what is dragged over, else the cursor, else the zoom, and else is the browser's", () => {
  const state = chartState({ selection: [10, 20], cursor: 50, view: { from: 20, to: 60, follows: false } });
  assert.deepEqual(doneBy(state, { does: "escape" }).noted, [["select", null]]);
  state.selection = null;
  const { handled, noted } = doneBy(state, { does: "escape" }, { does: "escape" }, { does: "escape" });
  assert.deepEqual(noted, [["moveCursor", null]]);
  assert.deepEqual(state.range, [0, 100]);
  assert.deepEqual(handled, [true, true, false]);
});

Deno.test("a chart without points leaves all keys to the browser", () => {
  assert.deepEqual(doneBy(chartState({ series: [] }), { does: "first" }, { does: "reset" }, { does: "zoom", factor: 0.5 }).handled, [false, false, false]);
});
