import assert from "node:assert/strict";
import { rowsOf, textOf, valueOf, valueOfRows } from "../../../../api/pages/static/views/new_job/field_values.js";

Deno.test("what is no number is sent as it was typed, so that the service says what would be right", () => {
  const field = { kind: /** @type {const} */ ("number"), isNullable: false };
  assert.equal(valueOf(field, " 1e-3 "), 0.001);
  assert.equal(valueOf(field, "fast"), "fast");
  assert.equal(valueOf(field, "1e999"), "1e999");
});

Deno.test("an empty field is null where it may be, and else the preset's", () => {
  assert.equal(valueOf({ kind: "integer", isNullable: true }, ""), null);
  assert.equal(valueOf({ kind: "integer", isNullable: false }, " "), undefined);
});

Deno.test("several numbers are one text, and back", () => {
  const field = { kind: /** @type {const} */ ("numbers"), isNullable: false };
  assert.equal(textOf(field, [0.9, 0.999]), "0.9, 0.999");
  assert.deepEqual(valueOf(field, "0.9 0.95"), [0.9, 0.95]);
  assert.deepEqual(valueOf(field, "0.9, x"), [0.9, "x"]);
});

Deno.test("one prompt is a text, several are a list, and none is the preset's", () => {
  const field = { kind: /** @type {const} */ ("texts"), columns: [] };
  assert.deepEqual(rowsOf(field, "Every effort"), [["Every effort"]]);
  assert.deepEqual(rowsOf(field, ["a", "b"]), [["a"], ["b"]]);
  assert.equal(valueOfRows(field, [["a"]]), "a");
  assert.deepEqual(valueOfRows(field, [["a"], ["b"]]), ["a", "b"]);
  assert.equal(valueOfRows(field, []), undefined);
});

Deno.test("labels and alerts are rows, and back", () => {
  const labels = { kind: /** @type {const} */ ("labels"), columns: [] };
  assert.deepEqual(rowsOf(labels, { team: "blue" }), [["team", "blue"]]);
  assert.deepEqual(valueOfRows(labels, [["team", "blue"], ["", "lost"]]), { team: "blue" });
  const columns = ["when", "do"].map((name) => ({ name, choices: [], text: "" }));
  const alerts = { kind: /** @type {const} */ ("rows"), columns };
  const value = [{ when: "val_loss > 7", do: "pause" }];
  assert.deepEqual(valueOfRows(alerts, rowsOf(alerts, value)), value);
});
