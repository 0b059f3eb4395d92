/** What several specs have, side by side. */

import { leaves } from "../../format/spec_values.js";

/**
 * @typedef {object} Difference
 * @property {string} field
 * @property {unknown[]} values  of each spec, in their order; undefined where it does not have the field
 * @property {boolean} differs
 * @property {boolean} isNumeric  whether all that is given is numbers
 * @property {number | null} least  of different numbers the smallest
 * @property {number | null} greatest
 */

/** Names stand above the columns. */
const NOT_COMPARED = new Set(["name"]);

/**
 * @param {readonly Record<string, any>[]} specs  filled
 * @returns {Difference[]} a row for each field that one of them has, in the order of the first that has it
 */
export function differences(specs) {
  const byField = specs.map((spec) => new Map(leaves(spec)));
  const fields = new Set(byField.flatMap((each) => [...each.keys()]));
  return [...fields].filter((field) => !NOT_COMPARED.has(field)).map((field) => differenceOf(field, byField.map((each) => each.get(field))));
}

/**
 * @param {string} field
 * @param {unknown[]} values
 * @returns {Difference}
 */
function differenceOf(field, values) {
  const differs = new Set(values.map((value) => JSON.stringify(value) ?? "")).size > 1;
  const given = values.filter((value) => value !== null && value !== undefined);
  const isNumeric = given.length > 0 && given.every((value) => typeof value === "number");
  return { field, values, differs, isNumeric, ...extremes(isNumeric ? given.map(Number) : []) };
}

/**
 * The smallest and the greatest of numbers; null where all are the same, so that nothing is marked.
 * @param {readonly number[]} numbers
 * @returns {{least: number | null, greatest: number | null}}
 */
export function extremes(numbers) {
  const least = Math.min(...numbers);
  const greatest = Math.max(...numbers);
  return least < greatest ? { least, greatest } : { least: null, greatest: null };
}

/**
 * Fields by which jobs can be told apart: those that differ, without lists and tables.
 * @param {readonly Difference[]} rows
 * @returns {string[]}
 */
export function fieldsToColourBy(rows) {
  return rows.filter(({ differs, values }) => differs && values.every((value) => value === null || typeof value !== "object")).map(({ field }) => field);
}
