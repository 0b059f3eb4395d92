/** A filled spec as rows, those that differ from its preset first. */

import { leaves } from "../../format/spec_values.js";

/** @typedef {{field: string, value: unknown, preset: unknown, differs: boolean}} SpecRow */

/** Labels, and what says where a job comes from: no preset has them. */
const NOT_OF_PRESETS = new Set(["name", "preset", "dataset", "tokenizer", "validation_dataset", "start_from", "metadata", "alerts"]);

/**
 * @param {Record<string, any>} spec  filled
 * @param {Record<string, any> | null} preset  the filled spec of the preset alone; null while it is not known
 * @returns {SpecRow[]}
 */
export function specRows(spec, preset) {
  const given = preset === null ? null : new Map(leaves(preset));
  return leaves(spec)
    .map(([field, value]) => {
      const usual = given?.get(field);
      const isComparable = given !== null && !NOT_OF_PRESETS.has(field.split(".")[0] ?? "");
      return { field, value, preset: usual, differs: isComparable && JSON.stringify(value) !== JSON.stringify(usual) };
    })
    .toSorted((a, b) => Number(b.differs) - Number(a.differs));
}
