import assert from "node:assert/strict";
import { marksOf } from "../../../../api/pages/static/views/job/marks.js";

const sample = { id: "s", step: 8, epoch: 1, index: 0, prompt: "", text: "", recorded_at: "" };
const checkpoint = { id: "c", step: 9, epoch: 1, train_loss: 1, val_loss: 1, bytes: 1, sha256: "", kind: /** @type {("last" | "best")[]} */ (["last", "best"]), created_at: "" };
const alert = { id: "1", job_id: "j", type: "alert", attempt: 1, created_at: "", data: { step: 5, when: "val_loss > 7" } };
const overfits = { best: { step: 5, train_loss: 4, val_loss: 6 }, newest: { step: 20, train_loss: 1, val_loss: 7 } };

Deno.test("a checkpoint is marked at the row before it", () => {
  const marks = marksOf({ samples: [], checkpoints: [checkpoint], alerts: [], overfits: null }, (step) => 10 * step);
  assert.deepEqual(marks, [{ x: 80, kind: "checkpoint", label: "checkpoint 9 (last and best)" }]);
});

Deno.test("several samples of a step are one mark, and what has no place yet none", () => {
  const marked = { samples: [sample, { ...sample, index: 1 }], checkpoints: [], alerts: [alert], overfits };
  assert.deepEqual(marksOf(marked, (step) => step).map(({ kind, x }) => [kind, x]), [["sample", 8], ["alert", 5], ["overfitting", 5]]);
  assert.deepEqual(marksOf(marked, () => NaN), []);
});
