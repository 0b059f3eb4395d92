/** What an estimate says, as a person would. */

import { bytes, compact, counted, integer } from "../../format/numbers.js";
import { duration } from "../../format/times.js";

/** @import { EstimateRecord, ParametersRecord } from "../../types/records.d.ts" */
/** @import { BarPart } from "../../charts/bar_strip.js" */

/**
 * @param {ParametersRecord} parameters
 * @returns {BarPart[]}
 */
export function parameterParts({ token_embedding, position_embedding, blocks, block, final_norm, head }) {
  return [
    { label: "Token embedding", value: token_embedding },
    { label: "Position embedding", value: position_embedding },
    { label: `Attention, ${counted(blocks, "block")}`, value: blocks * block.attention },
    { label: `Feed-forward, ${counted(blocks, "block")}`, value: blocks * block.feed_forward },
    { label: "Norms", value: blocks * block.norms + final_norm },
    { label: "Output head", value: head },
  ];
}

/**
 * @param {EstimateRecord} estimate
 * @returns {BarPart[]}
 */
export function memoryParts({ memory }) {
  return [
    { label: "Python and PyTorch", value: memory.runtime_bytes },
    { label: "Weights", value: memory.weights_bytes },
    { label: "Gradients", value: memory.gradients_bytes },
    { label: "Optimizer", value: memory.optimizer_bytes },
    { label: "Activations", value: memory.activations_bytes },
    { label: "Logits", value: memory.logits_bytes },
  ];
}

/**
 * Facts beside the parameters and the memory: what each is called, its value, and a word about it.
 * @param {EstimateRecord} estimate
 * @returns {{label: string, value: string, note: string}[]}
 */
export function facts(estimate) {
  const { memory, unknown } = estimate;
  return [
    { label: "Time", value: estimate.time_s === null ? "not known" : duration(estimate.time_s), note: estimate.time_on === null ? sentence(unknown.time_s) : `on ${estimate.time_on.device}, ${estimate.time_on.numerics}` },
    { label: "Memory", value: bytes(memory.total_bytes), note: `on ${memory.device}, ${memory.numerics}` },
    { label: "Disk", value: estimate.disk_bytes === null ? "not known" : bytes(estimate.disk_bytes), note: estimate.disk_bytes === null ? sentence(unknown.disk_bytes) : "for its checkpoints, at most" },
    { label: "Steps", value: estimate.steps === null ? "not known" : integer(estimate.steps), note: stepsNote(estimate) },
    { label: "Tokens per parameter", value: tokensPerParameter(estimate), note: tokensNote(estimate) },
    { label: "Work", value: estimate.flops === null ? "not known" : `${flops(estimate.flops.training + estimate.flops.evaluation)} FLOPs`, note: workNote(estimate) },
  ];
}

/** @param {EstimateRecord} estimate */
export function tokensPerParameter({ tokens, parameters }) {
  if (tokens === null) return "not known";
  const ratio = tokens.total / parameters.total;
  return ratio >= 100 ? integer(ratio) : String(Number(ratio.toPrecision(2)));
}

/** @param {EstimateRecord} estimate */
function stepsNote({ steps_per_epoch, epochs, windows, unknown, steps }) {
  if (steps === null || steps_per_epoch === null || epochs === null || windows === null) return sentence(unknown.steps);
  return `${counted(epochs, "epoch")} of ${counted(steps_per_epoch, "step")}, ${counted(windows, "window")} each`;
}

/** @param {EstimateRecord} estimate */
function tokensNote({ tokens, parameters, unknown }) {
  if (tokens === null) return sentence(unknown.tokens);
  const seen = `${compact(tokens.total)} tokens, ${compact(tokens.train)} of them different`;
  return `${seen}; ${tokens.train < parameters.total ? "fewer than parameters, so expect over-fitting" : "about 20 spend compute best (Hoffmann et al. 2022)"}`;
}

/** @param {EstimateRecord} estimate */
function workNote({ evaluations, samples, checkpoints }) {
  if (evaluations === null || samples === null || checkpoints === null) return "";
  return `${counted(evaluations, "evaluation")}, ${counted(samples, "sample")}, ${counted(checkpoints, "checkpoint")}`;
}

/**
 * 1.2e15, as 1.2 · 10¹⁵
 * @param {number} value
 */
export function flops(value) {
  if (value < 1e6) return integer(value);
  const exponent = Math.floor(Math.log10(value));
  const digits = [...String(exponent)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("");
  return `${(value / 10 ** exponent).toFixed(1)} · 10${digits}`;
}

/** @param {string | undefined} reason */
function sentence(reason) {
  return reason ?? "";
}
