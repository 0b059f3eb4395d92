import assert from "node:assert/strict";
import { asCurl, asSubmit, quoted } from "../../../../api/pages/static/views/new_job/as_commands.js";

const BODY = { preset: "tiny", name: "Ana's", training: { learning_rate: 0.001, max_steps: null }, sampling: { start_context: ["a", "b"] }, metadata: { "a.b": "c" } };

Deno.test("the curl line has the body, quoted for a shell, and a token where one is needed", () => {
  const line = asCurl({ name: "Ana's" }, "http://host/jobs", true);
  assert.equal(line, `curl http://host/jobs \\\n  -H "Authorization: Bearer $PRETRAIN_TOKEN" \\\n  -H 'Content-Type: application/json' \\\n  -d '{"name":"Ana'\\''s"}'`);
  assert.ok(!asCurl({}, "http://host/jobs", false).includes("Authorization"));
});

Deno.test("the command sets each field, labels together, and begins with the preset", () => {
  assert.deepEqual(asSubmit(BODY, "http://host").split(" \\\n  "), [
    "pretrain submit",
    "--from tiny",
    `--set 'name=Ana'\\''s'`,
    "--set training.learning_rate=0.001",
    "--set training.max_steps=null",
    `--set 'sampling.start_context=["a","b"]'`,
    `--set 'metadata={"a.b":"c"}'`,
    "--url http://host",
  ]);
});

Deno.test("a text that would be read as something else is quoted as JSON", () => {
  assert.ok(asSubmit({ name: "null" }, "http://host").includes(`'name="null"'`));
  assert.ok(asSubmit({ sampling: { start_context: "[1]" } }, "http://host").includes(`'sampling.start_context="[1]"'`));
});

Deno.test("what needs no quotes has none", () => {
  assert.equal(quoted("training.seed=7"), "training.seed=7");
  assert.equal(quoted("a b"), "'a b'");
  assert.equal(quoted("$HOME"), "'$HOME'");
});
