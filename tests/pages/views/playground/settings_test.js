import assert from "node:assert/strict";
import { hrefOf, parsePlace } from "../../../../api/pages/static/page/location.js";
import { DEFAULTS, queryOf, requestOf, settingsOf, stopsIn } from "../../../../api/pages/static/views/playground/settings.js";

Deno.test("a link leads to the settings that it was made of", () => {
  const settings = { ...DEFAULTS, mode: /** @type {const} */ ("time"), prompt: "", given: " a\nb", temperature: "0.8", seed: "" };
  assert.deepEqual(settingsOf(parsePlace(hrefOf("/playground", queryOf(settings))).query), settings);
});

Deno.test("a link to what is as at first says nothing of it", () => {
  assert.equal(hrefOf("/playground", queryOf({ ...DEFAULTS })), "#/playground");
});

Deno.test("a mode that is none is that of the start", () => {
  assert.equal(settingsOf(new URLSearchParams("mode=chess")).mode, "generate");
});

Deno.test("an empty field asks for the service's own, and what was chosen follows the prompt", () => {
  const request = requestOf({ ...DEFAULTS, prompt: "Once", given: " upon", top_k: "", top_p: "0.9", seed: "", stop: "\\n\\n" });
  assert.equal(request.prompt, "Once upon");
  assert.equal(request.top_k, null);
  assert.equal(request.top_p, 0.9);
  assert.equal(request.seed, null);
  assert.deepEqual(request.stop, ["\n\n"]);
});

Deno.test("stop strings are one a line, with line breaks as they are written in programs", () => {
  assert.deepEqual(stopsIn("END\n\n\\n\\n\\\\n"), ["END", "\n\n\\n"]);
});
