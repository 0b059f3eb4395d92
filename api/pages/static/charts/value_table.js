/** A chart's values as a table: for screen readers, and as CSV. */

import { at } from "./at.js";
import { lowerBound } from "./bisect.js";

/**
 * @typedef {object} ValueTable
 * @property {string[]} columns  x first
 * @property {number[][]} rows  NaN where a series has no point
 */

/**
 * @param {string} xLabel
 * @param {readonly import("./series.js").Series[]} series
 * @param {readonly [number, number]} range  of x
 * @returns {ValueTable}
 */
export function tableOf(xLabel, series, [from, to]) {
  /** @type {Map<number, number[]>} */
  const rows = new Map();
  series.forEach(({ x, y }, column) => {
    for (let index = lowerBound(x, from); index < x.length && at(x, index) <= to; index += 1) {
      const row = rows.get(at(x, index)) ?? Array.from({ length: series.length }, () => NaN);
      row[column] = at(y, index);
      rows.set(at(x, index), row);
    }
  });
  return {
    columns: [xLabel, ...series.map(({ label }) => label)],
    rows: [...rows].toSorted(([a], [b]) => a - b).map(([x, values]) => [x].concat(values)),
  };
}

/**
 * @param {ValueTable} table
 * @returns {string} RFC 4180
 */
export function csvOf({ columns, rows }) {
  const lines = [columns.map(quoted), ...rows.map((row) => row.map((value) => (Number.isFinite(value) ? value : "")))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

/**
 * Some rows of many, evenly, the first and the last among them.
 *
 * @template T
 * @param {readonly T[]} rows
 * @param {number} most
 * @returns {T[]}
 */
export function someOf(rows, most) {
  if (rows.length <= most) return [...rows];
  const between = (rows.length - 1) / (most - 1);
  return rows.filter((_, index) => Math.round(Math.round(index / between) * between) === index);
}

/**
 * A label as a field. Spreadsheets would compute what begins like a formula: an apostrophe keeps it a text.
 *
 * @param {string} label
 */
function quoted(label) {
  const text = /^[=+\-@\t\r]/.test(label) ? `'${label}` : label;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
