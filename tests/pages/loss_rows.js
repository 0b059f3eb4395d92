/** Evaluations for tests. */

/** @import { LossRecord } from "../../api/pages/static/types/records.d.ts" */

/**
 * @param {number} step
 * @param {number} loss
 * @returns {LossRecord}
 */
export function row(step, loss = 5) {
  return { step, epoch: 1, tokens_seen: 512 * (step + 1), train_loss: loss, val_loss: loss, val_bpb: null, learning_rate: 4e-4, grad_norm: 1, tokens_per_s: 100, elapsed_s: null, recorded_at: "2026-11-29T09:00:00Z" };
}
