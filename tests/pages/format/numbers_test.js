import assert from "node:assert/strict";
import { bytes, compact, counted, decimal, integer, percent, rate } from "../../../api/pages/static/format/numbers.js";

/**
 * @param {(value: any) => string} format
 * @param {[number | null, string][]} cases
 */
function writes(format, cases) {
  for (const [value, text] of cases) assert.equal(format(value), text);
}

Deno.test("what is not known is a dash, and nothing is NaN", () => {
  for (const format of [bytes, compact, decimal, integer, percent, rate]) {
    assert.equal(format(null), "–");
    assert.equal(format(undefined), "–");
  }
});

Deno.test("numbers are written as people read them", () => {
  writes(integer, [[0, "0"], [1234567, "1,234,567"]]);
  writes(compact, [[162419712, "162M"], [950, "950"], [5120, "5.12K"]]);
  writes(rate, [[4e-4, "4e-4"], [0.01, "0.01"], [0, "0"], [3.14159e-5, "3.14e-5"]]);
});

Deno.test("a loss has four significant digits, however large or small", () => {
  writes(decimal, [[10.98765, "10.99"], [0.042131, "0.04213"], [3.21e-7, "3.2e-7"], [0, "0.000"], [12345, "12,345"], [-1.5, "-1.500"], [2e9, "2.0e9"]]);
});

Deno.test("100 % is only what has ended", () => {
  writes(percent, [[0, "0 %"], [0.999, "99 %"], [1, "100 %"], [0.29, "29 %"]]);
});

Deno.test("bytes have the unit in which they are below a thousand", () => {
  writes(bytes, [[0, "0 bytes"], [1, "1 byte"], [999, "999 bytes"], [1000, "1.0 KiB"], [1024 ** 2, "1.0 MiB"], [652 * 1024 ** 2, "652 MiB"], [1024 ** 4, "1.0 TiB"]]);
});

Deno.test("one is one, and the rest are many", () => {
  assert.equal(counted(1, "job"), "1 job");
  assert.equal(counted(1200, "job"), "1,200 jobs");
  assert.equal(counted(2, "copy", "copies"), "2 copies");
});
