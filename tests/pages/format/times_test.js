import assert from "node:assert/strict";
import { age, ago, duration, fullTime } from "../../../api/pages/static/format/times.js";

Deno.test("a duration has its two largest units", () => {
  /** @type {[number | null, string][]} */
  const cases = [
    [null, "–"],
    [0, "0 s"],
    [-3, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min"],
    [200, "3 min 20 s"],
    [3322, "55 min"],
    [3600, "1 h"],
    [18720, "5 h 12 min"],
    [183600, "2 d 3 h"],
  ];
  for (const [seconds, text] of cases) assert.equal(duration(seconds), text);
});

Deno.test("an age has one unit, and a clock that is behind makes none of the future", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  /** @type {[string, string][]} */
  const cases = [
    ["2026-11-29T12:00:05Z", "now"],
    ["2026-11-29T11:59:55Z", "now"],
    ["2026-11-29T11:59:15Z", "45 s"],
    ["2026-11-29T11:01:00Z", "59 min"],
    ["2026-11-28T12:30:00Z", "23 h"],
    ["2026-11-20T12:00:00Z", "9 d"],
  ];
  for (const [time, text] of cases) assert.equal(age(time, now), text);
  assert.equal(age(null), "–");
});

Deno.test("a whole time names day and second", () => {
  assert.match(fullTime("2026-11-29T12:00:05Z"), /Nov 2026.*:05/);
  assert.equal(fullTime(null), "–");
});

Deno.test("how long ago it was is said as people do", () => {
  const now = Date.parse("2026-11-29T10:00:00Z");
  assert.deepEqual(
    ["2026-11-29T09:59:58Z", "2026-11-29T09:57:00Z", null].map((time) => ago(time, now)),
    ["now", "3 min ago", "–"],
  );
});
