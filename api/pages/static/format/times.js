import { NOTHING } from "./numbers.js";

/** @import { MaybeNumber } from "./numbers.js" */

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/**
 * 42 s, 3 min 20 s, 5 h 12 min, 2 d 3 h
 * @param {MaybeNumber} seconds
 */
export function duration(seconds) {
  if (seconds == null) return NOTHING;
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE_S) return `${s} s`;
  // From ten minutes on nobody wants to know the seconds, and a time that is left would show each of them.
  if (s < HOUR_S) return two(s < 10 * MINUTE_S ? s : s - (s % MINUTE_S), MINUTE_S, "min", 1, "s");
  if (s < DAY_S) return two(s, HOUR_S, "h", MINUTE_S, "min");
  return two(s, DAY_S, "d", HOUR_S, "h");
}

/**
 * @param {number} s
 * @param {number} large
 * @param {string} largeUnit
 * @param {number} small
 * @param {string} smallUnit
 */
function two(s, large, largeUnit, small, smallUnit) {
  const rest = Math.floor((s % large) / small);
  return `${Math.floor(s / large)} ${largeUnit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
}

/**
 * How long ago: now, 3 min, 5 h, 12 d.
 * @param {string | null} time  RFC 3339
 * @param {number} [now]  milliseconds since 1970
 */
export function age(time, now = Date.now()) {
  if (time === null) return NOTHING;
  const s = Math.max(0, (now - Date.parse(time)) / 1000);
  if (s < 10) return "now";
  if (s < MINUTE_S) return `${Math.floor(s)} s`;
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)} min`;
  if (s < DAY_S) return `${Math.floor(s / HOUR_S)} h`;
  return `${Math.floor(s / DAY_S)} d`;
}

/**
 * The same as one says it: now, 3 min ago.
 * @param {string | null} time  RFC 3339
 * @param {number} [now]  milliseconds since 1970
 */
export function ago(time, now = Date.now()) {
  const words = age(time, now);
  return words === "now" || words === NOTHING ? words : `${words} ago`;
}

const dateAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/**
 * The whole date and time, where the reader is.
 * @param {string | null} time  RFC 3339
 */
export function fullTime(time) {
  return time === null ? NOTHING : dateAndTime.format(new Date(time));
}
