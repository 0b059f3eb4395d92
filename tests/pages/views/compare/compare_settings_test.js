import assert from "node:assert/strict";
import { MOST_JOBS, compareQueryOf, compareSettingsOf } from "../../../../api/pages/static/views/compare/compare_settings.js";
import { hrefOf, parsePlace } from "../../../../api/pages/static/page/location.js";

Deno.test("a link says all that is chosen", () => {
  const link = "#/compare?ids=a,b,c&colour=training.seed&mean=1&baseline=b&relative=1&all=1&sort=-best&prompt=1&x=tokens&smooth=0.9&logy=1&from=10&to=90&step=40";
  const settings = compareSettingsOf(parsePlace(link).query);
  assert.equal(hrefOf("/compare", compareQueryOf(settings)), link);
});

Deno.test("without a query nothing is compared, and nothing said", () => {
  const settings = compareSettingsOf(new URLSearchParams());
  assert.deepEqual(settings.ids, []);
  assert.equal(hrefOf("/compare", compareQueryOf(settings)), "#/compare");
});

Deno.test("a baseline that is not among the jobs is none, and a mean needs groups", () => {
  const settings = compareSettingsOf(new URLSearchParams("ids=a,a,b&baseline=c&relative=1&mean=1&prompt=x"));
  assert.deepEqual(settings.ids, ["a", "b"]);
  assert.deepEqual([settings.baseline, settings.isRelative, settings.isGrouped, settings.prompt], [null, false, false, 0]);
});

Deno.test("of too many jobs the first are compared", () => {
  const ids = Array.from({ length: 99 }, (_, index) => index).join(",");
  assert.equal(compareSettingsOf(new URLSearchParams({ ids })).ids.length, MOST_JOBS);
});
