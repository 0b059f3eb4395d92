import assert from "node:assert/strict";
import { LossSketches, grown, sketchOf } from "../../../api/pages/static/records/loss_sketches.js";
import { ServiceStub, heard, settled, silentStream } from "./service_stub.js";

/** @import { LossRecord } from "../../../api/pages/static/types/records.d.ts" */

/**
 * @param {number} step
 * @param {number} train_loss
 * @param {number | null} val_loss
 */
function row(step, train_loss, val_loss) {
  return /** @type {LossRecord} */ (/** @type {unknown} */ ({ step, train_loss, val_loss }));
}

Deno.test("a sketch has the losses of each evaluation, and a gap where one is not finite", () => {
  const sketch = sketchOf([row(0, 10, 9), row(5, 8, null)]);
  assert.deepEqual(sketch, { x: [0, 5], train: [10, 8], validation: [9, NaN] });
});

Deno.test("an event that repeats what was fetched changes nothing", () => {
  const sketch = sketchOf([row(0, 10, 9), row(5, 8, 8)]);
  assert.equal(grown(sketch, row(5, 1, 1)), sketch);
  assert.deepEqual(grown(sketch, row(10, 7, 7)).x, [0, 5, 10]);
});

Deno.test("a sketch that is on its way when its job is deleted does not come back, and is asked for once", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const sketches = new LossSketches(stream);
  sketches.want("job-1");
  sketches.want("job-1");
  heard(stream, { type: "deleted", job_id: "job-1", data: {} });
  await service.answer({ data: [row(0, 10, 9)] });
  assert.equal(sketches.of("job-1"), undefined);
});

Deno.test("an evaluation that comes while the sketch is on its way is in it", async () => {
  const service = new ServiceStub();
  const stream = silentStream();
  const sketches = new LossSketches(stream);
  sketches.want("job-1");
  heard(stream, { type: "evaluation", job_id: "job-1", data: row(5, 8, 8) });
  await service.answer({ data: [row(0, 10, 9)] });
  assert.deepEqual(sketches.of("job-1")?.x, [0, 5]);
});

Deno.test("sketches that are on their way when somebody signs out are forgotten, and can be asked for again", async () => {
  const service = new ServiceStub();
  const sketches = new LossSketches(silentStream());
  for (const id of ["job-1", "job-2", "job-3", "job-4"]) sketches.want(id);
  const mine = [...service.asked];
  sketches.clear();
  sketches.want("job-1");
  for (const { answer } of mine) answer({ data: [row(0, 10, 9)] });
  await settled();
  assert.equal(sketches.of("job-1"), undefined);
  await service.answer({ data: [row(0, 1, 1)] });
  assert.deepEqual(sketches.of("job-1")?.train, [1]);
});
