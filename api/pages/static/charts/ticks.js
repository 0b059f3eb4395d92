/** Where an axis is labelled: at round numbers, powers of ten, whole seconds, minutes and hours, or MiB and GiB. */

const SECONDS = [1, 2, 5, 10, 15, 30];
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const TIME_STEPS = [
  ...SECONDS,
  ...SECONDS.map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
];

/** @typedef {"number" | "whole" | "seconds" | "bytes"} Kind  of what an axis shows; `whole` are counts: never a tick between two */

/**
 * The ticks of a linear axis.
 *
 * @param {readonly [number, number]} domain
 * @param {number} most  how many there is room for
 * @param {Kind} kind
 * @returns {number[]} rising, within the domain; multiples of one round step
 */
export function linearTicks([low, high], most, kind = "number") {
  const unit = kind === "bytes" ? bytesUnit(high) : 1;
  const step = unit * tickStep((high - low) / unit / Math.max(most, 1), kind);
  const ticks = [];
  for (let count = Math.ceil(low / step - 1e-9); count * step <= high + step * 1e-9; count += 1) {
    ticks.push(exact(count * step));
  }
  return ticks;
}

/**
 * @param {number} greatest
 * @returns {number} the bytes of the unit in which it is read: 1, 1,024, ...
 */
export function bytesUnit(greatest) {
  return 1024 ** Math.max(0, Math.floor(Math.log2(greatest) / 10 + 1e-9));
}

/**
 * @param {number} least
 * @param {Kind} kind
 * @returns {number} the smallest round step that is no smaller than `least`
 */
export function tickStep(least, kind = "number") {
  if (!(least > 0) || !Number.isFinite(least)) return 1;
  if (kind === "seconds" && least >= 1) {
    const step = TIME_STEPS.find((one) => one >= least);
    return step ?? DAY * roundStep(least / DAY);
  }
  const step = roundStep(least);
  return kind === "whole" ? Math.max(1, step) : step;
}

/**
 * @param {number} least
 * @returns {number} 1, 2 or 5 times a power of ten, which may be a tenth less
 */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least) + 1e-12);
  const factor = [1, 2, 5, 10].find((one) => one * power >= least * 0.9) ?? 10;
  return exact(factor * power);
}

/**
 * The ticks of a logarithmic axis: powers of ten; with 2 and 5 times them where the axis spans few; the linear ones
 * where it spans less than one of those.
 *
 * @param {readonly [number, number]} domain  above 0
 * @param {number} most
 * @param {Kind} kind
 * @returns {number[]}
 */
export function logTicks([low, high], most, kind = "number") {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const spread = Math.log10(high / low);
  if (spread < 0.7) return linearTicks([low, high], most, kind);
  const factors = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].find((some) => some.length * spread <= most);
  const every = factors ? 1 : Math.ceil(spread / Math.max(most, 1));
  const ticks = [];
  for (let power = first; power <= last; power += 1) {
    if (power % every !== 0) continue;
    for (const factor of factors ?? [1]) {
      const tick = exact(factor * 10 ** power);
      const isBetweenCounts = kind !== "number" && tick < 1;
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9) && !isBetweenCounts) ticks.push(tick);
    }
  }
  return ticks;
}

/**
 * @param {number} value
 * @returns {number} without the last digits, in which 3 * 0.1 differs from 0.3
 */
function exact(value) {
  return Number(value.toPrecision(12));
}
