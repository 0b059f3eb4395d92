/** A spec's fields, by their dotted names, and their values as a person reads them. */

/**
 * @param {Record<string, any>} tree
 * @param {string} prefix
 * @returns {[string, unknown][]}
 */
export function leaves(tree, prefix = "") {
  return Object.entries(tree).flatMap(([name, value]) => {
    const isSection = value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;
    return isSection ? leaves(value, `${prefix}${name}.`) : [/** @type {[string, unknown]} */ ([prefix + name, value])];
  });
}

/**
 * @param {unknown} value
 * @returns {string}
 */
export function valueInWords(value) {
  if (value === null) return "none";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "string") return value === "" ? "(empty)" : value;
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return value.length === 0 ? "none" : value.map(valueInWords).join(", ");
  if (typeof value === "object" && Object.keys(value ?? {}).length === 0) return "none";
  return JSON.stringify(value);
}
