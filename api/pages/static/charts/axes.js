/** What x can be, and how one kind of x becomes another. */

import { at } from "./at.js";
import { lowerBound } from "./bisect.js";

/**
 * @typedef {object} LossRow
 * @property {number} step  0-based number of the update before the evaluation
 * @property {number} epoch  from 1
 * @property {number} tokens_seen
 * @property {number | null} [elapsed_s]  training time without pauses
 */

/** @typedef {"step" | "epoch" | "tokens" | "time"} AxisName */

/**
 * @typedef {object} Axis
 * @property {string} label
 * @property {import("./ticks.js").Kind} kind
 */

/** @type {Record<AxisName, Axis>} */
export const AXES = {
  step: { label: "Step", kind: "whole" },
  epoch: { label: "Epoch", kind: "number" },
  tokens: { label: "Tokens seen", kind: "whole" },
  time: { label: "Training time", kind: "seconds" },
};

/**
 * @param {readonly LossRow[]} rows  in the order of steps
 * @param {AxisName} name
 * @param {number} [stepsPerEpoch]  default: what the rows tell of it
 * @returns {number[]} of each row its x, rising; NaN where it is not known
 */
export function xOf(rows, name, stepsPerEpoch = stepsPerEpochOf(rows)) {
  switch (name) {
    case "step":
      return rows.map((row) => row.step);
    case "epoch":
      return rows.map((row) => (row.step + 1) / stepsPerEpoch);
    case "tokens":
      return rows.map((row) => row.tokens_seen);
    case "time":
      return rows.map((row) => row.elapsed_s ?? NaN);
  }
}

/**
 * Steps of an epoch, as exactly as rows tell it: they know only in which epoch they were written, so that
 * (step + 1) / steps lies in (epoch - 1, epoch].
 *
 * @param {readonly LossRow[]} rows
 * @returns {number} NaN without rows
 */
export function stepsPerEpochOf(rows) {
  if (rows.length === 0) return NaN;
  let least = 0;
  let most = Infinity;
  for (const { step, epoch } of rows) {
    least = Math.max(least, (step + 1) / epoch);
    if (epoch > 1) most = Math.min(most, (step + 1) / (epoch - 1));
  }
  const fewest = Math.ceil(least);
  // Within the first epoch nothing says how many more there are.
  if (most === Infinity) return fewest;
  return Math.max(fewest, Math.floor((fewest + Math.ceil(most) - 1) / 2));
}

/**
 * A line through points: between them straight on, beyond them along the first or the last stretch.
 *
 * @param {readonly number[]} from  rising
 * @param {readonly number[]} to  as many
 * @returns {(value: number) => number} NaN everywhere if there are not two different points
 */
export function interpolation(from, to) {
  /** @type {number[]} */
  const x = [];
  /** @type {number[]} */
  const y = [];
  for (let index = 0; index < from.length; index += 1) {
    const isKnown = Number.isFinite(at(from, index)) && Number.isFinite(at(to, index));
    if (isKnown && (x.length === 0 || at(from, index) > at(x, x.length - 1))) {
      x.push(at(from, index));
      y.push(at(to, index));
    }
  }
  if (x.length < 2) return () => NaN;
  return (value) => {
    const after = Math.min(Math.max(lowerBound(x, value), 1), x.length - 1);
    const share = (value - at(x, after - 1)) / (at(x, after) - at(x, after - 1));
    return at(y, after - 1) + share * (at(y, after) - at(y, after - 1));
  };
}
