import assert from "node:assert/strict";
import { comparedSeries, curveOf } from "../../../../api/pages/static/views/compare/compared_series.js";
import { labelsOf, looksOf } from "../../../../api/pages/static/views/compare/looks.js";
import { jobRecord } from "../../job_records.js";

/**
 * @param {string} id
 * @param {number} learning_rate
 */
const job = (id, learning_rate) => jobRecord({ id, name: id, spec: { training: { learning_rate } } });
const JOBS = [job("a", 1e-3), job("b", 4e-4), job("c", 1e-3)];

/** @param {string | null} field */
function runs(field) {
  return [...looksOf(JOBS, field)].map(([id, look], index) => ({ id, look, x: [0, 1], y: [4, 2 + index] }));
}

Deno.test("each job has a colour, and those beyond eight are dashed", () => {
  const many = Array.from({ length: 10 }, (_, index) => job(`job-${index}`, 1));
  const looks = [...looksOf(many, null).values()];
  assert.deepEqual(looks.map(({ colour }) => colour), [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]);
  assert.deepEqual([looks[7]?.isDashed, looks[8]?.isDashed], [false, true]);
});

Deno.test("jobs of the same value have the same colour, in the order of values", () => {
  const looks = looksOf(JOBS, "training.learning_rate");
  assert.deepEqual([...looks.values()].map(({ colour, group }) => [colour, group]), [
    [2, "learning_rate 0.001"],
    [1, "learning_rate 0.0004"],
    [2, "learning_rate 0.001"],
  ]);
});

Deno.test("jobs of the same name are told apart", () => {
  assert.deepEqual([...labelsOf([jobRecord({ id: "job-123456", name: "x" }), jobRecord({ id: "job-654321", name: "x" })]).values()], ["x (123456)", "x (654321)"]);
});

Deno.test("a group is its mean, and from its least to its greatest", () => {
  const series = comparedSeries(runs("training.learning_rate"), { isGrouped: true, baseline: null });
  assert.deepEqual(series.map(({ label }) => label), ["learning_rate 0.0004", "learning_rate 0.001, mean of 2"]);
  assert.deepEqual([series[1]?.y, series[1]?.low, series[1]?.high], [[4, 3], [4, 2], [4, 4]]);
  assert.equal(curveOf("a", /** @type {any} */ (looksOf(JOBS, "training.learning_rate").get("a")), true), series[1]?.id);
});

Deno.test("beside a baseline the others are in % of it", () => {
  const series = comparedSeries(runs(null), { isGrouped: false, baseline: "a" });
  assert.deepEqual(series.map(({ id, y }) => [id, y]), [
    ["b", [0, 50]],
    ["c", [0, 100]],
  ]);
});
