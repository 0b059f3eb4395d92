import assert from "node:assert/strict";
import { csvOf, someOf, tableOf } from "../../../api/pages/static/charts/value_table.js";

const series = [
  { id: "a", label: "Training loss", colour: 1, x: [0, 5, 10], y: [3, 2, 1] },
  { id: "b", label: "Validation, loss", colour: 2, x: [0, 10], y: [4, 3] },
];

Deno.test("a table has a row for each x, in order, and a hole where a series has no point", () => {
  const { columns, rows } = tableOf("Step", series, [0, 10]);
  assert.deepEqual(columns, ["Step", "Training loss", "Validation, loss"]);
  assert.deepEqual(rows, [[0, 3, 4], [5, 2, NaN], [10, 1, 3]]);
});

Deno.test("it has what is in the window alone", () => {
  assert.deepEqual(tableOf("Step", series, [4, 9]).rows, [[5, 2, NaN]]);
});

Deno.test("as CSV a hole is empty, and a comma in a label no new column", () => {
  const csv = csvOf(tableOf("Step", series, [0, 5]));
  assert.equal(csv, 'Step,Training loss,"Validation, loss"\r\n0,3,4\r\n5,2,\r\n');
});

Deno.test("a label that a spreadsheet would compute stays a text", () => {
  assert.equal(csvOf({ columns: ["=1+1", "-x"], rows: [] }), "'=1+1,'-x\r\n");
});

Deno.test("of many rows some are shown, evenly, with the first and the last", () => {
  const rows = Array.from({ length: 1001 }, (_, index) => index);
  const some = someOf(rows, 101);
  assert.equal(some.length, 101);
  assert.equal(some[0], 0);
  assert.equal(some.at(-1), 1000);
  assert.deepEqual(someOf([1, 2], 5), [1, 2]);
  for (const count of [201, 399, 400, 777]) assert.equal(someOf(Array.from({ length: count }, (_, index) => index), 200).length, 200);
});
