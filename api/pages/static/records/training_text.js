import { get } from "../http/request.js";

/**
 * @param {string} datasetId
 * @returns {(offset: number, limit: number, signal: AbortSignal) => Promise<string>} reads a part of its text, in characters
 * @throws {import("../http/problem.js").RequestFailed} when it is read
 */
export function trainingText(datasetId) {
  return async (offset, limit, signal) => {
    const { text } = await get(`datasets/${encodeURIComponent(datasetId)}/text`, { query: { offset, limit }, signal });
    return text;
  };
}
