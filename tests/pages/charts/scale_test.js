import assert from "node:assert/strict";
import { linearScale, logScale } from "../../../api/pages/static/charts/scale.js";

Deno.test("a linear scale goes to pixels and back, upwards too", () => {
  const scale = linearScale([10, 20], [100, 0]);
  assert.equal(scale.to(10), 100);
  assert.equal(scale.to(12.5), 75);
  assert.equal(scale.from(scale.to(17)), 17);
});

Deno.test("a logarithmic scale gives each factor of ten the same way", () => {
  const scale = logScale([1, 1000], [0, 300]);
  assert.ok(Math.abs(scale.to(10) - 100) < 1e-9);
  assert.ok(Math.abs(scale.to(100) - 200) < 1e-9);
  assert.ok(Math.abs(scale.from(200) - 100) < 1e-9);
});

Deno.test("what has no logarithm has no pixel", () => {
  const scale = logScale([1, 1000], [0, 300]);
  assert.ok(Number.isNaN(scale.to(0)));
  assert.ok(Number.isNaN(scale.to(-5)));
  assert.throws(() => logScale([0, 10], [0, 1]), RangeError);
});

Deno.test("one value alone lies in the middle", () => {
  assert.equal(linearScale([7, 7], [0, 100]).to(7), 50);
  assert.equal(linearScale([0, 0], [0, 100]).to(0), 50);
  assert.ok(Math.abs(logScale([3, 3], [0, 100]).to(3) - 50) < 1e-9);
});
