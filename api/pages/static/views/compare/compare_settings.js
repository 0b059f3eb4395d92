/** What is compared and how, as the link has it. */

import { queryOf as curveQueryOf, settingsOf as curveSettingsOf } from "../../curves/curve_settings.js";

/** @import { CurveSettings } from "../../curves/curve_settings.js" */
/** @import { Query } from "../../page/location.js" */

/** More curves than that nobody tells apart, and each job is asked for. */
export const MOST_JOBS = 24;

/**
 * @typedef {object} ComparedBy
 * @property {string[]} ids
 * @property {string | null} colourBy  a field of the specs; null: each job has its colour
 * @property {boolean} isGrouped  jobs of the same value are shown as their mean and range
 * @property {string | null} baseline  id of the job to which others are compared
 * @property {boolean} isRelative  curves are in % of the baseline's
 * @property {boolean} showsAll  also the fields that are the same
 * @property {string | null} sort  a column of the results, with "-" the largest first
 * @property {number} prompt  index of those that samples continue
 */

/** @typedef {CurveSettings & ComparedBy} CompareSettings */

/**
 * @param {URLSearchParams} query
 * @returns {CompareSettings}
 */
export function compareSettingsOf(query) {
  const ids = [...new Set((query.get("ids") ?? "").split(",").filter(Boolean))].slice(0, MOST_JOBS);
  const colourBy = query.get("colour");
  const baseline = query.get("baseline");
  const prompt = Number(query.get("prompt") ?? 0);
  const hasBaseline = baseline !== null && ids.includes(baseline);
  return {
    ...curveSettingsOf(query),
    ids,
    colourBy,
    isGrouped: colourBy !== null && query.has("mean"),
    baseline: hasBaseline ? baseline : null,
    isRelative: hasBaseline && query.has("relative"),
    showsAll: query.has("all"),
    sort: query.get("sort"),
    prompt: Number.isInteger(prompt) && prompt >= 0 ? prompt : 0,
  };
}

/**
 * What of the link's query says so; what is usual is left out.
 * @param {CompareSettings} settings
 * @returns {Query}
 */
export function compareQueryOf(settings) {
  const { ids, colourBy, isGrouped, baseline, isRelative, showsAll, sort, prompt } = settings;
  return {
    ids: ids.join(","),
    colour: colourBy,
    mean: isGrouped && colourBy !== null && "1",
    baseline,
    relative: isRelative && baseline !== null && "1",
    all: showsAll && "1",
    sort,
    prompt: prompt || null,
    ...curveQueryOf(settings),
  };
}
