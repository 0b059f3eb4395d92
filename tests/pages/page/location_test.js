import assert from "node:assert/strict";
import { hrefOf, matchPath, parsePlace } from "../../../api/pages/static/page/location.js";

Deno.test("a link leads to where it was made", () => {
  for (const [path, query] of /** @type {[string, Record<string, string>][]} */ ([
    ["/", {}],
    ["/jobs/job-1", { x: "tokens" }],
    ["/compare", { ids: "a,b,c", note: "ä & b?#%" }],
  ])) {
    const place = parsePlace(hrefOf(path, query));
    assert.equal(place.path, path);
    assert.deepEqual(Object.fromEntries(place.query), query);
  }
});

Deno.test("the root is where nothing is named", () => {
  for (const hash of ["", "#", "#/", "/"]) assert.equal(parsePlace(hash).path, "/");
  assert.equal(parsePlace("#/jobs/").path, "/jobs");
  assert.equal(parsePlace("#/?status=running").query.get("status"), "running");
});

Deno.test("a link leaves out what is not chosen", () => {
  assert.equal(hrefOf("/", { a: null, b: undefined, c: false, d: "", e: 0, f: true }), "#/?e=0&f=true");
});

Deno.test("a pattern finds the variable parts of a path that fits it, and of no other", () => {
  assert.deepEqual(matchPath("/jobs/:id", "/jobs/job-1"), { id: "job-1" });
  assert.deepEqual(matchPath("/data/:id", "/data/the%20verdict"), { id: "the verdict" });
  assert.deepEqual(matchPath("/data/:id", "/data/100%"), { id: "100%" });
  assert.deepEqual(matchPath("/", "/"), {});
  for (const path of ["/", "/jobs", "/jobs/", "/jobs/a/b", "/data/a"]) assert.equal(matchPath("/jobs/:id", path), null);
});
