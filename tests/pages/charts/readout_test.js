import assert from "node:assert/strict";
import { placeInWords, pointInWords, readingOf, valueText } from "../../../api/pages/static/charts/readout.js";
import { chartState, series } from "./chart_states.js";

Deno.test("a value is written as its axis says, or else by its kind", () => {
  assert.equal(valueText(12, { label: "", kind: "number", format: (value) => `${value} %` }), "12 %");
  assert.equal(valueText(90, { label: "", kind: "seconds" }), "1m 30s");
});

Deno.test("what is read of a curve is its value at the cursor, or else the last that there is", () => {
  const curve = series("train", [0, 5, 10], [3, 2, NaN]);
  assert.equal(readingOf(curve, chartState({ cursor: 0 })), "3");
  assert.equal(readingOf(curve, chartState()), "2");
  assert.equal(readingOf(series("train", [0], [NaN]), chartState()), "–");
});

Deno.test("where a curve has not begun nothing is read of it", () => {
  assert.equal(readingOf(series("train", [5, 10], [3, 2]), chartState({ cursor: 0 })), "–");
});

Deno.test("a place is named with all that is marked there", () => {
  const marks = /** @type {const} */ ([[50, "Checkpoint"], [50, "Sample"], [60, "Alert"]]).map(([x, label]) => ({ x, label, kind: /** @type {const} */ ("sample") }));
  assert.equal(placeInWords(50, chartState({ marks })), "Step 50 · Checkpoint · Sample");
});

Deno.test("a point is said with the value of each curve that is shown, also where it has none", () => {
  const state = chartState({ series: [series("train", [0, 50], [10, 5]), series("validation", [0], [9]), series("other", [50], [1])] });
  state.hidden.add("other");
  assert.equal(pointInWords(50, state), "Step 50, train 5, validation none");
});
