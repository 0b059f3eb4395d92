/** @import { DatasetRecord } from "../../types/records.d.ts" */

/**
 * A built-in text comes from the network when the first job wants it, so that `ready` would promise too much.
 * @param {Pick<DatasetRecord, "status" | "builtin" | "characters">} dataset
 * @returns {string}
 */
export function statusOf({ status, builtin, characters }) {
  return builtin && status === "ready" && characters === null ? "fetched when first used" : status;
}
