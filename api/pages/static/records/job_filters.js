import { nameOf } from "./job_actions.js";
import { STATUSES } from "./job_changes.js";

/** @import { JobRecord } from "../types/records.d.ts" */

/** @typedef {{show: string, text: string, tag: string}} Filter */

export const ALL = "";
export const STARRED = "starred";
export const ARCHIVED = "archived";

/**
 * @param {URLSearchParams} query  of the link
 * @returns {Filter}
 */
export function filterOf(query) {
  return { show: query.get("show") ?? ALL, text: query.get("q") ?? "", tag: query.get("tag") ?? "" };
}

/**
 * @param {JobRecord} job
 * @param {Filter} filter
 */
export function fits(job, { show, text, tag }) {
  return isShown(job, show) && (!tag || job.tags.includes(tag)) && hasWords(job, text);
}

/**
 * Archived jobs are where one asks for them alone.
 * @param {JobRecord} job
 * @param {string} show
 */
function isShown(job, show) {
  if (show === ARCHIVED) return job.archived;
  if (job.archived) return false;
  if (show === STARRED) return job.starred;
  return show === ALL || job.status === show;
}

/**
 * Whether every word is somewhere in what a person would call the job by.
 * @param {JobRecord} job
 * @param {string} text
 */
function hasWords(job, text) {
  if (!text) return true;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const { dataset, preset, tokenizer } = job.spec;
  const labels = Object.entries(job.metadata).map(([name, value]) => `${name}=${value}`);
  const told = [nameOf(job), job.id, job.status, dataset, preset, tokenizer, job.owner, job.notes, ...job.tags, ...labels];
  const haystack = told.filter(Boolean).join("\n").toLowerCase();
  return words.every((word) => haystack.includes(word));
}

/**
 * What one may choose to see, with how many jobs each would show: kinds that there are none of only if one is chosen.
 * @param {readonly JobRecord[]} jobs
 * @param {Filter} filter
 */
export function choices(jobs, filter) {
  const kinds = [
    { value: ALL, label: "All" },
    ...STATUSES.map((status) => ({ value: status, label: `${status.charAt(0).toUpperCase()}${status.slice(1)}` })),
    { value: STARRED, label: "Starred" },
    { value: ARCHIVED, label: "Archived" },
  ];
  return kinds
    .map(({ value, label }) => ({ value, label, count: jobs.filter((job) => fits(job, { ...filter, show: value })).length }))
    .filter(({ value, count }) => count > 0 || value === ALL || value === filter.show);
}

/** @param {readonly JobRecord[]} jobs */
export function tagsOf(jobs) {
  return [...new Set(jobs.flatMap((job) => job.tags))].toSorted((a, b) => a.localeCompare(b));
}
