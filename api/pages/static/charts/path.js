/** The `d` of SVG paths. Tenths of a pixel are as fine as a screen shows. */

/**
 * A line through points, interrupted where one has no place.
 *
 * @param {number} count
 * @param {(index: number) => number} xAt  pixel
 * @param {(index: number) => number} yAt  pixel; NaN: no place
 * @returns {string}
 */
export function linePath(count, xAt, yAt) {
  let path = "";
  let isDown = false;
  for (let index = 0; index < count; index += 1) {
    const x = xAt(index);
    const y = yAt(index);
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      // A point between two gaps is a dot: a line of no length with round ends.
      isDown = false;
      continue;
    }
    const isAlone = !isDown && !(index + 1 < count && Number.isFinite(yAt(index + 1)));
    path += `${isDown ? "L" : "M"}${tenth(x)} ${tenth(y)}${isAlone ? "h0" : ""}`;
    isDown = true;
  }
  return path;
}

/**
 * The area between two lines.
 *
 * @param {number} count
 * @param {(index: number) => number} xAt  pixel
 * @param {(index: number) => number} lowAt  pixel
 * @param {(index: number) => number} highAt  pixel
 * @returns {string} empty without an area
 */
export function areaPath(count, xAt, lowAt, highAt) {
  if (count < 2) return "";
  let there = "";
  let back = "";
  for (let index = 0; index < count; index += 1) {
    there += `${index === 0 ? "M" : "L"}${tenth(xAt(index))} ${tenth(highAt(index))}`;
    const last = count - 1 - index;
    back += `L${tenth(xAt(last))} ${tenth(lowAt(last))}`;
  }
  return `${there}${back}Z`;
}

/** @param {number} pixel */
function tenth(pixel) {
  return Math.round(pixel * 10) / 10;
}
