import assert from "node:assert/strict";
import { EventParser } from "../../../api/pages/static/http/event_parser.js";

const STREAM = [
  "retry: 500\nid: 7\n\n",
  ": still here\n\n",
  'id: 8\nevent: status\ndata: {"a":\ndata:  1}\n\n',
  "event: progress\r\ndata: two\r\n\r\n",
  "data\n\n",
].join("");

const EVENTS = [
  { type: "status", data: '{"a":\n 1}', id: "8" },
  { type: "progress", data: "two", id: "8" },
  { type: "message", data: "", id: "8" },
];

Deno.test("a stream gives the same events however it is cut", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EVENTS, `in pieces of ${size}`);
    assert.equal(parser.lastId, "8");
    assert.equal(parser.retryMs, 500);
  }
});

Deno.test("a preamble without data moves the place to go on from, and is no event", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push("retry: 500\nid: 41\n\n"), []);
  assert.equal(parser.lastId, "41");
});

Deno.test("an event that is not complete is not told", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push("event: status\ndata: {}\n"), []);
  assert.equal(parser.push("\n").length, 1);
});
