/** How a person looks at a job's curves, as the link has it. */

/** @import { AxisName } from "../charts/axes.js" */
/** @import { Query } from "../page/location.js" */

/** @type {readonly AxisName[]} */
export const AXIS_NAMES = ["step", "epoch", "tokens", "time"];
export const SMOOTHINGS = [0, 0.3, 0.6, 0.8, 0.9, 0.97];
/** With fewer evaluations there is nothing to smooth. */
const FEW_ROWS = 100;
const USUAL_SMOOTHING = 0.6;

/**
 * @typedef {object} CurveSettings
 * @property {AxisName} x
 * @property {number | null} smoothing  null: as the number of evaluations suggests
 * @property {boolean} isLogX
 * @property {boolean} isLogY
 * @property {boolean} clipsOutliers
 * @property {number | null} from  of x; null: from the first point
 * @property {number | null} to
 * @property {boolean} follows
 * @property {number | null} step  at which the cursor stands
 */

/**
 * @param {URLSearchParams} query
 * @returns {CurveSettings}
 */
export function settingsOf(query) {
  const x = /** @type {AxisName} */ (query.get("x"));
  const from = numberOf(query.get("from"));
  const to = numberOf(query.get("to"));
  const hasWindow = from !== null && to !== null && from < to;
  const smoothing = numberOf(query.get("smooth"));
  return {
    x: AXIS_NAMES.includes(x) ? x : "step",
    smoothing: smoothing !== null && smoothing >= 0 && smoothing < 1 ? smoothing : null,
    isLogX: query.has("logx"),
    isLogY: query.has("logy"),
    clipsOutliers: !query.has("outliers"),
    from: hasWindow ? from : null,
    to: hasWindow ? to : null,
    follows: hasWindow && query.has("follow"),
    step: numberOf(query.get("step")),
  };
}

/**
 * What of the link's query says so; what is usual is left out.
 * @param {CurveSettings} settings
 * @returns {Query}
 */
export function queryOf({ x, smoothing, isLogX, isLogY, clipsOutliers, from, to, follows, step }) {
  return {
    x: x === "step" ? null : x,
    smooth: smoothing,
    logx: isLogX && "1",
    logy: isLogY && "1",
    outliers: !clipsOutliers && "1",
    from: short(from),
    to: short(to),
    follow: follows && "1",
    step,
  };
}

/**
 * @param {number | null} chosen
 * @param {number} rows
 */
export function smoothingFor(chosen, rows) {
  return chosen ?? (rows > FEW_ROWS ? USUAL_SMOOTHING : 0);
}

/** @param {string | null} text */
function numberOf(text) {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** @param {number | null} value */
function short(value) {
  return value === null ? null : Number(value.toPrecision(6));
}
