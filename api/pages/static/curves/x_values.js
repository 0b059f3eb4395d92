/** Where on the chosen axis things of a job are. */

import { interpolation, stepsPerEpochOf, xOf } from "../charts/axes.js";

/** @import { AxisName } from "../charts/axes.js" */
/** @import { DeviceMetricsRecord, LossRecord } from "../types/records.d.ts" */

/**
 * @typedef {object} XValues
 * @property {number[]} ofLosses  of each evaluation its x
 * @property {number[]} ofMetrics  of each measurement of the device
 * @property {(step: number) => number} ofStep  x of a row's step; NaN where it is not known
 * @property {(x: number) => number} toStep
 */

/**
 * @param {AxisName} axis
 * @param {readonly LossRecord[]} losses
 * @param {readonly DeviceMetricsRecord[]} metrics
 * @returns {XValues}
 */
export function xValues(axis, losses, metrics) {
  const steps = losses.map(({ step }) => step);
  const ofLosses = axis === "time" ? times(losses, metrics) : xOf(losses, axis, stepsPerEpochOf(losses));
  const isStep = axis === "step";
  const ofStep = isStep ? (/** @type {number} */ step) => step : interpolation(steps, ofLosses);
  const toStep = isStep ? (/** @type {number} */ x) => x : interpolation(ofLosses, steps);
  // Measurements count updates done, evaluations the update that they follow.
  const ofMetrics = metrics.map(({ step, elapsed_s }) => (axis === "time" ? elapsed_s : ofStep(step - 1)));
  return { ofLosses, ofMetrics, ofStep, toStep };
}

/**
 * Training time at each evaluation, without pauses. Those of earlier versions do not say it: theirs is between the
 * measurements of the device.
 * @param {readonly LossRecord[]} losses
 * @param {readonly DeviceMetricsRecord[]} metrics
 */
function times(losses, metrics) {
  const timeOf = interpolation([0, ...metrics.map(({ step }) => step)], [0, ...metrics.map(({ elapsed_s }) => elapsed_s)]);
  return losses.map(({ step, elapsed_s }) => elapsed_s ?? timeOf(step + 1));
}
