/** Numbers for people, the same everywhere on the page. Nothing known is a dash. */

export const NOTHING = "–";

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
// American, for its M: the British m is that of milli to whoever counts parameters.
const compactFormat = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/** @typedef {number | null | undefined} MaybeNumber */

/**
 * 1,234,567
 * @param {MaybeNumber} value
 */
export function integer(value) {
  return value == null ? NOTHING : whole.format(value);
}

/**
 * 124M: three digits.
 * @param {MaybeNumber} value
 */
export function compact(value) {
  return value == null ? NOTHING : compactFormat.format(value);
}

/**
 * A loss or another small number: four significant digits, 10.99, 0.04213, 3.2e-7.
 * @param {MaybeNumber} value
 */
export function decimal(value) {
  if (value == null) return NOTHING;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(1).replace("e+", "e");
  return value.toPrecision(4).includes("e") ? whole.format(value) : value.toPrecision(4);
}

/**
 * A learning rate, as one would write it: 4e-4, 0.01.
 * @param {MaybeNumber} value
 */
export function rate(value) {
  if (value == null) return NOTHING;
  if (value === 0) return "0";
  return Math.abs(value) < 0.01 ? Number(value.toPrecision(3)).toExponential() : String(Number(value.toPrecision(3)));
}

/**
 * @param {MaybeNumber} fraction  of 1
 */
export function percent(fraction) {
  if (fraction == null) return NOTHING;
  // Rounded down: 100 % is what has ended.
  return `${Math.floor(fraction * 100 + 1e-9)} %`;
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/**
 * 1.2 GiB
 * @param {MaybeNumber} size
 */
export function bytes(size) {
  if (size == null) return NOTHING;
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${whole.format(value)} ${value === 1 ? "byte" : "bytes"}`;
  return `${value < 9.95 ? value.toFixed(1) : whole.format(value)} ${UNITS[unit]}`;
}

/**
 * "1 job", "3 jobs"
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}
