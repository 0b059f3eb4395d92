/** What a curve of more points than pixels is drawn as: of each bucket of pixels the least, the greatest and the last value. */

import { at } from "./at.js";

/**
 * @typedef {object} Bucket
 * @property {number} x  pixel of the last point
 * @property {number} low  least value
 * @property {number} high  greatest value
 * @property {number} last  value
 */

/**
 * @param {ArrayLike<number>} x  rising
 * @param {ArrayLike<number>} y  NaN where there is none
 * @param {number} from  index of the first point
 * @param {number} to  index after the last
 * @param {(value: number) => number} toPixel  of x
 * @param {number} pixels  width of a bucket
 * @returns {Bucket[]} from left to right; none of a bucket without values
 */
export function bucketsOf(x, y, from, to, toPixel, pixels) {
  const buckets = [];
  /** @type {Bucket | null} */
  let bucket = null;
  let number = NaN;
  for (let index = from; index < to; index += 1) {
    const value = at(y, index);
    const pixel = toPixel(at(x, index));
    if (!Number.isFinite(value) || !Number.isFinite(pixel)) continue;
    const itsNumber = Math.floor(pixel / pixels);
    if (bucket === null || itsNumber !== number) {
      bucket = { x: pixel, low: value, high: value, last: value };
      number = itsNumber;
      buckets.push(bucket);
    } else {
      bucket.x = pixel;
      bucket.last = value;
      if (value < bucket.low) bucket.low = value;
      if (value > bucket.high) bucket.high = value;
    }
  }
  return buckets;
}

/**
 * @param {number} points  in sight
 * @param {number} pixels  that they share
 * @returns {number} pixels of a bucket; 0 where there is room for each point. A bucket holds eight points: of a long job
 *     the server keeps up to four of each of its own buckets, of which one of ours then always has a whole one, and
 *     with it a least and a greatest value
 */
export function bucketWidth(points, pixels) {
  return points < 1.5 * pixels ? 0 : Math.max(1, (8 * pixels) / points);
}
