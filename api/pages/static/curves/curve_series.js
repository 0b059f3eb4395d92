/** The series of a job's charts, from its evaluations and from what was measured of its device. */

/** @import { Series } from "../charts/series.js" */
/** @import { DeviceMetricsRecord, LossRecord } from "../types/records.d.ts" */

/**
 * @param {string} id
 * @param {string} label
 * @param {number} colour
 * @param {number[]} x
 * @param {(number | null | undefined)[]} values
 * @returns {Series}
 */
export function seriesOf(id, label, colour, x, values) {
  return { id, label, colour, x, y: values.map((value) => value ?? NaN) };
}

/**
 * @param {readonly LossRecord[]} losses
 * @param {number[]} x
 */
export function rateSeries(losses, x) {
  return [seriesOf("rate", "Learning rate", 4, x, losses.map((row) => row.learning_rate))];
}

/** A chart of one series is named for it alone, so that its name has the unit. */
export const PROCESSOR = "Processor, % of one core";

/**
 * What the device did: of a GPU its use and memory, else those of the processor.
 * @param {readonly DeviceMetricsRecord[]} metrics
 * @param {number[]} x
 * @returns {{heading: string, use: Series[], memory: Series[]}}
 */
export function deviceCharts(metrics, x) {
  const hasGpu = metrics.some((row) => row.gpu_utilization !== null || row.gpu_memory_bytes !== null);
  const use = [
    hasGpu && seriesOf("gpu", "GPU, % of the time", 3, x, metrics.map((row) => row.gpu_utilization)),
    metrics.some((row) => row.mfu !== null) &&
      seriesOf("mfu", "Of its peak FLOPs, %", 6, x, metrics.map((row) => (row.mfu === null ? null : 100 * row.mfu))),
    seriesOf("cpu", PROCESSOR, 7, x, metrics.map((row) => row.cpu_percent)),
  ];
  const memory = [
    hasGpu && seriesOf("gpu-memory", "On the GPU", 3, x, metrics.map((row) => row.gpu_memory_bytes)),
    seriesOf("memory", "Of the trainer", 7, x, metrics.map((row) => row.memory_bytes)),
  ];
  return { heading: hasGpu ? "GPU and processor" : PROCESSOR, use: use.filter(isSeries), memory: memory.filter(isSeries) };
}

/**
 * @param {Series | false} series
 * @returns {series is Series}
 */
function isSeries(series) {
  return series !== false;
}
