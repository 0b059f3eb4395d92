import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";

/** @import { JobRecord } from "../types/records.d.ts" */

await stylesheet(import.meta.url, "status_badge.css");

/** @type {Record<string, string>} */
const STOPPING = { cancel: "cancelling", pause: "pausing", finish: "finishing" };

/**
 * A job's status in one word: what it is about to become while it has been asked to stop.
 * @param {Pick<JobRecord, "status" | "stopping">} job
 */
export function statusWord({ status, stopping }) {
  return (status === "running" && stopping && STOPPING[stopping]) || status;
}

/**
 * The status of a job, a tokenizer or a model, told by its word and not by its colour alone.
 * @param {Pick<JobRecord, "status" | "stopping">} job
 */
export function statusBadge(job) {
  return h("span", { class: "badge", data: { status: job.status } }, h("span", { class: "badge-dot" }), statusWord(job));
}
