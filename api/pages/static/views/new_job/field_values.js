/** Values of a spec as the text in a control, and back. */

/** @import { Kind, SpecField } from "./spec_fields.js" */

/**
 * @param {Pick<SpecField, "kind">} field
 * @param {unknown} value
 * @returns {string}
 */
export function textOf({ kind }, value) {
  if (value === null || value === undefined) return "";
  if (kind === "numbers" && Array.isArray(value)) return value.join(", ");
  return String(value);
}

/**
 * What no number is goes to the service as it is, which says what would be right. Nothing is null where that is
 * allowed, and elsewhere undefined: whatever the preset has.
 * @param {Pick<SpecField, "kind" | "isNullable">} field
 * @param {string} text
 * @returns {unknown}
 */
export function valueOf({ kind, isNullable }, text) {
  const given = text.trim();
  if (given === "") return isNullable ? null : undefined;
  if (kind === "numbers") return given.split(/[\s,;]+/).map(numberOrText);
  return kind === "integer" || kind === "number" ? numberOrText(given) : given;
}

/** @param {string} text */
function numberOrText(text) {
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? value : text;
}

/**
 * Rows of texts, for the kinds that are lists.
 * @param {Pick<SpecField, "kind" | "columns">} field
 * @param {unknown} value
 * @returns {string[][]}
 */
export function rowsOf({ kind, columns }, value) {
  if (kind === "texts") return [value].flat().map((each) => [String(each ?? "")]);
  if (kind === "labels") return Object.entries(/** @type {object} */ (value ?? {})).map(([name, each]) => [name, String(each)]);
  return /** @type {Record<string, unknown>[]} */ (value ?? []).map((row) => columns.map(({ name }) => String(row[name] ?? "")));
}

/**
 * @param {Pick<SpecField, "kind" | "columns">} field
 * @param {readonly string[][]} rows
 * @returns {unknown} undefined where there is none, and there has to be one
 */
export function valueOfRows({ kind, columns }, rows) {
  if (kind === "texts") {
    const texts = rows.map(([text]) => text ?? "");
    return texts.length > 1 ? texts : texts[0] || undefined;
  }
  if (kind === "labels") return Object.fromEntries(rows.filter(([name]) => name).map(([name = "", value = ""]) => [name, value]));
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? ""])));
}
