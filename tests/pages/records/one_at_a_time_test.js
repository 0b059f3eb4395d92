import assert from "node:assert/strict";
import { oneAtATime } from "../../../api/pages/static/records/one_at_a_time.js";

Deno.test("what is asked for while a reading is under way is read once more behind it", async () => {
  /** @type {(() => void)[]} */
  const readings = [];
  const read = oneAtATime(() => new Promise((resolve) => readings.push(resolve)));
  const all = Promise.all([read(), read(), read()]);
  assert.equal(readings.length, 1);
  readings[0]?.();
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(readings.length, 2);
  readings[1]?.();
  await all;
  assert.equal(readings.length, 2);
  read();
  assert.equal(readings.length, 3);
});

Deno.test("a reading that fails says so to whoever asked, and does not stand in the way of the next", async () => {
  let isBroken = true;
  const read = oneAtATime(async () => {
    if (isBroken) throw new Error("away");
  });
  await assert.rejects(read(), /away/);
  isBroken = false;
  await read();
});
