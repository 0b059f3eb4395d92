/** @import { DatasetRecord } from "../../types/records.d.ts" */

/**
 * Whether its text can be read. A built-in one is brought in when something is first made of it.
 * @param {Pick<DatasetRecord, "status" | "builtin" | "characters">} dataset
 * @returns {boolean}
 */
export function isHere({ status, builtin, characters }) {
  return !(builtin && status === "ready" && characters === null);
}

/**
 * `ready` would promise too much of a text that is not here.
 * @param {Pick<DatasetRecord, "status" | "builtin" | "characters">} dataset
 * @returns {string}
 */
export function statusOf(dataset) {
  return isHere(dataset) ? dataset.status : "fetched when first used";
}
