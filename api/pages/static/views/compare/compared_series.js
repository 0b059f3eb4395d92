/** The curves of several jobs for one chart. */

import { averageOf, lineThrough, percentAbove } from "./averages.js";

/** @import { Series } from "../../charts/series.js" */
/** @import { Points } from "./averages.js" */
/** @import { Look } from "./looks.js" */

/** @typedef {Points & {id: string, look: Look}} Run  a job's values of one metric */

/**
 * A curve for each job, or for each group of jobs its mean and range.
 * @param {readonly Run[]} runs
 * @param {{isGrouped: boolean, baseline: string | null}} options  baseline: of which job the values are given in % above
 *   its own, those of it left out; null: as they are
 * @returns {Series[]}
 */
export function comparedSeries(runs, { isGrouped, baseline }) {
  const reference = runs.find(({ id }) => id === baseline);
  const line = reference === undefined ? null : lineThrough(reference);
  const others = runs.filter((run) => run !== reference);
  const shown = line === null ? runs : others.map((run) => ({ id: run.id, look: run.look, x: run.x, y: percentAbove(run, line) }));
  return isGrouped ? grouped(shown) : shown.map(single);
}

/**
 * @param {Run} run
 * @returns {Series}
 */
function single({ id, look, x, y }) {
  return { id, label: look.label, colour: look.colour, isDashed: look.isDashed, x: [...x], y: [...y] };
}

/**
 * @param {readonly Run[]} runs
 * @returns {Series[]}
 */
function grouped(runs) {
  /** @type {Map<string, Run[]>} */
  const groups = new Map();
  for (const run of runs) {
    const id = curveOf(run.id, run.look, true);
    groups.set(id, [...(groups.get(id) ?? []), run]);
  }
  return [...groups]
    .toSorted(([, [a]], [, [b]]) => (a?.look.colour ?? 0) - (b?.look.colour ?? 0))
    .map(([id, members]) => {
      const look = members[0]?.look;
      const label = members.length > 1 ? `${id}, mean of ${members.length}` : id;
      const { x, y, low, high } = averageOf(members);
      return { id, label, colour: look?.colour ?? 1, isDashed: look?.isDashed ?? false, x, y, low, high };
    });
}

/**
 * The id of the curve that a job is part of.
 * @param {string} id
 * @param {Look} look
 * @param {boolean} isGrouped
 */
export function curveOf(id, look, isGrouped) {
  return isGrouped ? (look.group ?? look.label) : id;
}
