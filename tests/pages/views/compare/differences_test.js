import assert from "node:assert/strict";
import { differences, extremes, fieldsToColourBy } from "../../../../api/pages/static/views/compare/differences.js";

/** @param {any} changes */
const spec = (changes) => ({ name: "a", training: { learning_rate: 4e-4, betas: [0.9, 0.999], grad_clip: null, ...changes } });

Deno.test("fields that differ are told from those that are the same, and names are not compared", () => {
  const rows = differences([spec({}), { ...spec({ learning_rate: 1e-3 }), name: "b" }]);
  assert.deepEqual(rows.map(({ field }) => field), ["training.learning_rate", "training.betas", "training.grad_clip"]);
  assert.deepEqual(rows.filter(({ differs }) => differs).map(({ field }) => field), ["training.learning_rate"]);
  assert.deepEqual([rows[0]?.least, rows[0]?.greatest], [4e-4, 1e-3]);
});

Deno.test("a field that only one spec has differs, and is undefined for the others", () => {
  const [, , , row] = differences([spec({}), spec({ ema_decay: 0.99 })]);
  assert.deepEqual(row, { field: "training.ema_decay", values: [undefined, 0.99], differs: true, isNumeric: true, least: null, greatest: null });
});

Deno.test("numbers beside nothing are numbers still", () => {
  const row = differences([spec({}), spec({ grad_clip: 1 }), spec({ grad_clip: 2 })]).find(({ field }) => field === "training.grad_clip");
  assert.deepEqual([row?.isNumeric, row?.least, row?.greatest], [true, 1, 2]);
});

Deno.test("of equal numbers none is an extreme, nor of none", () => {
  assert.deepEqual(extremes([3, 3]), { least: null, greatest: null });
  assert.deepEqual(extremes([]), { least: null, greatest: null });
});

Deno.test("jobs can be coloured by what differs and is no list", () => {
  const rows = differences([spec({}), spec({ learning_rate: 1e-3, betas: [0.9, 0.95], grad_clip: 1 })]);
  assert.deepEqual(fieldsToColourBy(rows), ["training.learning_rate", "training.grad_clip"]);
});
