import assert from "node:assert/strict";
import { parseMarkdown } from "../../../api/pages/static/format/markdown.js";

Deno.test("paragraphs, headings, lists and code are told apart", () => {
  const text = "# Why\nOne line\nand another\n\n- first\n- second\n1. third\n```\nx = 1\n\ny = 2\n```";
  assert.deepEqual(
    parseMarkdown(text).map((block) => block.kind),
    ["heading", "paragraph", "list", "list", "code"],
  );
  assert.deepEqual(parseMarkdown(text).at(-1), { kind: "code", text: "x = 1\n\ny = 2" });
});

Deno.test("emphasis, code and links stand within a line", () => {
  const [block] = parseMarkdown("A **bold** `step` of [the log](https://example.org/a?b=1), *so* on");
  assert.ok(block?.kind === "paragraph");
  assert.deepEqual(block.inlines.slice(1, 6), [
    { kind: "strong", text: "bold" },
    { kind: "text", text: " " },
    { kind: "code", text: "step" },
    { kind: "text", text: " of " },
    { kind: "link", text: "the log", href: "https://example.org/a?b=1" },
  ]);
});

Deno.test("HTML, and links to anything but the web, stay the text that they are", () => {
  for (const text of ["<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "[a](data:text/html,x)", "snake_case_name", "2 * 3 * 4"]) {
    assert.deepEqual(parseMarkdown(text), [{ kind: "paragraph", inlines: [{ kind: "text", text }] }]);
  }
});
