import assert from "node:assert/strict";
import { lowerBound, nearest } from "../../../api/pages/static/charts/bisect.js";

Deno.test("the nearest of rising numbers is found, of two equally near the earlier", () => {
  const numbers = [0, 5, 10, 85];
  assert.equal(nearest(numbers, -3), 0);
  assert.equal(nearest(numbers, 2.5), 0);
  assert.equal(nearest(numbers, 2.6), 1);
  assert.equal(nearest(numbers, 60), 3);
  assert.equal(nearest(numbers, 900), 3);
  assert.equal(nearest([], 1), -1);
});

Deno.test("searching agrees with counting", () => {
  const numbers = [1, 1, 2, 3, 5, 8, 13];
  for (let value = 0; value < 15; value += 0.5) {
    assert.equal(lowerBound(numbers, value), numbers.filter((number) => number < value).length);
  }
});
