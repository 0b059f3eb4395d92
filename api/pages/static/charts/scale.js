/** Numbers to pixels and back, linear and logarithmic. */

/**
 * @typedef {object} Scale
 * @property {boolean} isLog
 * @property {readonly [number, number]} domain  of the values
 * @property {readonly [number, number]} range  of the pixels; falling where the axis points up
 * @property {(value: number) => number} to  pixel of a value; NaN of one that a logarithm does not have
 * @property {(pixel: number) => number} from  value at a pixel
 */

/**
 * @param {readonly [number, number]} domain  as wide as one likes: one without width is widened about its value
 * @param {readonly [number, number]} range
 * @param {boolean} isLog  then the domain is above 0
 * @returns {Scale}
 */
export function scaleOf(domain, range, isLog = false) {
  return isLog ? logScale(domain, range) : linearScale(domain, range);
}

/**
 * @param {readonly [number, number]} domain
 * @param {readonly [number, number]} range
 * @returns {Scale}
 */
export function linearScale(domain, range) {
  const [low, high] = widened(domain);
  const [start, end] = range;
  const perValue = (end - start) / (high - low);
  return {
    isLog: false,
    domain: [low, high],
    range,
    to: (value) => start + (value - low) * perValue,
    from: (pixel) => low + (pixel - start) / perValue,
  };
}

/**
 * @param {readonly [number, number]} domain  above 0
 * @param {readonly [number, number]} range
 * @returns {Scale}
 */
export function logScale(domain, range) {
  if (!(domain[0] > 0)) throw new RangeError(`A logarithmic axis begins above 0, not at ${domain[0]}.`);
  const [low, high] = domain[0] < domain[1] ? domain : [domain[0] / 2, domain[0] * 2];
  const inner = linearScale([Math.log(low), Math.log(high)], range);
  return {
    isLog: true,
    domain: [low, high],
    range,
    to: (value) => (value > 0 ? inner.to(Math.log(value)) : NaN),
    from: (pixel) => Math.exp(inner.from(pixel)),
  };
}

/**
 * @param {readonly [number, number]} domain
 * @returns {readonly [number, number]}
 */
function widened([low, high]) {
  if (low < high) return [low, high];
  const half = Math.abs(low) / 2 || 0.5;
  return [low - half, low + half];
}
