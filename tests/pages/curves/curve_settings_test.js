import assert from "node:assert/strict";
import { queryOf, settingsOf, smoothingFor } from "../../../api/pages/static/curves/curve_settings.js";
import { hrefOf, parsePlace } from "../../../api/pages/static/page/location.js";

/** @param {string} query */
const settings = (query) => settingsOf(new URLSearchParams(query));

Deno.test("a link has all of the settings again", () => {
  const query = "x=tokens&smooth=0.9&logx=1&logy=1&outliers=1&from=100&to=2000&follow=1&step=40";
  assert.deepEqual(parsePlace(hrefOf("/jobs/a", queryOf(settings(query)))).query, new URLSearchParams(query));
});

Deno.test("what is usual is not in the link", () => {
  assert.equal(hrefOf("/jobs/a", queryOf(settings(""))), "#/jobs/a");
});

Deno.test("a link that was changed by hand to what can't be is as one without", () => {
  assert.deepEqual(settings("x=weeks&smooth=1&from=5&to=5&follow=1&step=now"), settings(""));
});

Deno.test("few evaluations are not smoothed unless somebody asks for it", () => {
  assert.deepEqual([smoothingFor(null, 20), smoothingFor(0.3, 20), smoothingFor(null, 2000), smoothingFor(0, 2000)], [0, 0.3, 0.6, 0]);
});
