import assert from "node:assert/strict";
import { momentAt, neighbouringSample } from "../../../../api/pages/static/views/job/moment.js";
import { row } from "../../loss_rows.js";

/** @import { CheckpointRecord, SampleRecord } from "../../../../api/pages/static/types/records.d.ts" */

/**
 * @param {number} step
 * @param {number} index
 * @returns {SampleRecord}
 */
const sample = (step, index = 0) => ({ id: `sample-${step}-${index}`, step, epoch: 1, index, prompt: "A", text: "A b", recorded_at: "2026-11-29T09:00:00Z" });

/**
 * @param {number} step
 * @returns {CheckpointRecord}
 */
const checkpoint = (step) => ({ id: `checkpoint-${step}`, step, epoch: 1, train_loss: 5, val_loss: 5, bytes: 1, sha256: "", kind: [], created_at: "2026-11-29T09:00:00Z" });

const history = {
  losses: [0, 5, 8, 10, 15, 17].map((step) => row(step)),
  samples: [sample(8, 1), sample(8), sample(17), sample(17, 1)],
  checkpoints: [checkpoint(9), checkpoint(18)],
};

Deno.test("the checkpoint of a row is the one that counts one update more", () => {
  const at8 = momentAt(8, history);
  assert.deepEqual([at8?.row.step, at8?.checkpoint?.step, at8?.isCheckpointExact], [8, 9, true]);
  const at10 = momentAt(10, history);
  assert.deepEqual([at10?.checkpoint?.step, at10?.isCheckpointExact], [9, false]);
});

Deno.test("the samples are those of the nearest step, by their prompts", () => {
  assert.deepEqual(momentAt(5, history)?.samples.map(({ step, index }) => [step, index]), [[8, 0], [8, 1]]);
  assert.deepEqual(momentAt(15, history)?.samples.map(({ step, index }) => [step, index]), [[17, 0], [17, 1]]);
});

Deno.test("without a step it is the newest evaluation, and of a step between two the nearest", () => {
  assert.deepEqual([momentAt(null, history)?.row.step, momentAt(null, history)?.isNewest], [17, true]);
  assert.deepEqual([momentAt(6, history)?.row.step, momentAt(6, history)?.isNewest], [5, false]);
});

Deno.test("before the first evaluation there is nothing, without samples and checkpoints neither", () => {
  assert.equal(momentAt(null, { losses: [], samples: [], checkpoints: [] }), null);
  const bare = momentAt(0, { losses: [row(0)], samples: [], checkpoints: [] });
  assert.deepEqual([bare?.samples, bare?.checkpoint, bare?.isCheckpointExact], [[], null, false]);
});

Deno.test("one goes from sample to sample until the ends", () => {
  const { samples } = history;
  assert.deepEqual([neighbouringSample(samples, 8, 1), neighbouringSample(samples, 17, -1)], [17, 8]);
  assert.deepEqual([neighbouringSample(samples, 17, 1), neighbouringSample(samples, 8, -1)], [null, null]);
});
