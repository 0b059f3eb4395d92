import assert from "node:assert/strict";
import { areaPath, linePath } from "../../../api/pages/static/charts/path.js";

/** @param {number[]} y */
const pathOf = (y) => linePath(y.length, (index) => index * 10, (index) => y[index] ?? NaN);

Deno.test("a line goes through its points, to a tenth of a pixel", () => {
  assert.equal(pathOf([1, 2.26, 3]), "M0 1L10 2.3L20 3");
});

Deno.test("a gap interrupts it, and a point alone is a dot", () => {
  assert.equal(pathOf([1, 2, NaN, 4, 5]), "M0 1L10 2M30 4L40 5");
  assert.equal(pathOf([NaN, 2, NaN]), "M10 2h0");
  assert.equal(pathOf([]), "");
});

Deno.test("an area goes there along its upper edge and back along the lower", () => {
  assert.equal(areaPath(2, (index) => index, () => 9, () => 1), "M0 1L1 1L1 9L0 9Z");
  assert.equal(areaPath(1, () => 0, () => 9, () => 1), "");
});
