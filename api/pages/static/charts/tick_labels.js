/** What stands beside ticks and in readouts. */

import { bytes } from "../format/numbers.js";
import { bytesUnit } from "./ticks.js";

const SUFFIXES = /** @type {const} */ ([[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]]);

/**
 * The labels of an axis, all in one form.
 *
 * @param {readonly number[]} ticks
 * @param {import("./ticks.js").Kind} kind
 * @param {boolean} isLog
 * @returns {string[]}
 */
export function tickLabels(ticks, kind = "number", isLog = false) {
  if (kind === "seconds") return ticks.map(durationLabel);
  if (kind === "bytes") return bytesLabels(ticks);
  const sizes = ticks.filter((tick) => tick !== 0).map(Math.abs);
  if (Math.max(...sizes) >= 1000) return ticks.map(shortNumber);
  if (Math.min(...sizes) < 1e-3) return ticks.map(powerLabel);
  if (isLog) return ticks.map(String);
  // As many decimals as the finest tick needs: 0.50 beside 0.25.
  const decimals = Math.max(0, ...ticks.map(decimalsOf));
  return ticks.map((tick) => tick.toFixed(decimals));
}

/**
 * @param {readonly number[]} ticks
 * @returns {string[]} all in the unit of the greatest
 */
function bytesLabels(ticks) {
  const unit = bytesUnit(Math.max(1, ...ticks));
  const name = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][Math.round(Math.log2(unit) / 10)];
  return ticks.map((tick) => (tick === 0 ? "0" : `${Number((tick / unit).toPrecision(4))} ${name}`));
}

/**
 * @param {number} value
 * @returns {string} 1500 as 1.5K
 */
export function shortNumber(value) {
  for (const [unit, suffix] of SUFFIXES) {
    if (Math.abs(value) >= unit) return `${Number((value / unit).toPrecision(4))}${suffix}`;
  }
  return String(Number(value.toPrecision(4)));
}

/**
 * @param {number} value
 * @returns {string} 0.0004 as 4e-4
 */
function powerLabel(value) {
  if (value === 0) return "0";
  return Number(value.toPrecision(4)).toExponential().replace("e+", "e");
}

/** @param {number} value */
function decimalsOf(value) {
  const [, decimals = ""] = String(Number(value.toPrecision(9))).split(".");
  return decimals.includes("e") ? 0 : decimals.length;
}

/**
 * @param {number} seconds
 * @returns {string} 5400 as 1h 30m
 */
export function durationLabel(seconds) {
  if (Math.abs(seconds) < 60) return `${Number(seconds.toPrecision(3))}s`;
  const whole = Math.round(seconds);
  const parts = [
    [Math.trunc(whole / 86_400), "d"],
    [Math.trunc(whole / 3600) % 24, "h"],
    [Math.trunc(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count !== 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count !== 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/**
 * A value as a readout says it: four significant digits, or all of a whole number.
 *
 * @param {number} value
 * @param {import("./ticks.js").Kind} kind
 * @returns {string}
 */
export function valueLabel(value, kind = "number") {
  if (!Number.isFinite(value)) return "–";
  if (kind === "seconds") return durationLabel(value);
  if (kind === "bytes") return bytes(value);
  if (kind === "whole" || (Number.isInteger(value) && Math.abs(value) < 1e9)) return value.toLocaleString("en-GB");
  const size = Math.abs(value);
  if (size >= 1e6) return shortNumber(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-GB");
  if (size < 1e-3) return powerLabel(value);
  return size < 1 ? String(Number(value.toPrecision(4))) : value.toPrecision(4);
}
