import assert from "node:assert/strict";
import { durationLabel, shortNumber, tickLabels, valueLabel } from "../../../api/pages/static/charts/tick_labels.js";
import { linearTicks, logTicks } from "../../../api/pages/static/charts/ticks.js";

Deno.test("linear ticks are round, within the domain, and no more than there is room for", () => {
  assert.deepEqual(linearTicks([0, 10.6], 6), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(linearTicks([0.1, 0.32], 5), [0.1, 0.15, 0.2, 0.25, 0.3]);
  assert.deepEqual(linearTicks([-0.5, 0.5], 2), [-0.5, 0, 0.5]);
});

Deno.test("whatever the domain, there are ticks and no digits of rounding in them", () => {
  for (const high of [1e-7, 3e-3, 0.7, 1, 9.99, 12_345, 8e11]) {
    for (const most of [2, 5, 12]) {
      const ticks = linearTicks([0, high], most);
      assert.ok(ticks.length >= 1 && ticks.length <= most + 1, `${ticks} of ${high}`);
      for (const tick of ticks) assert.equal(tick, Number(tick.toPrecision(3)));
    }
  }
});

Deno.test("counts have no ticks between whole numbers", () => {
  assert.deepEqual(linearTicks([0, 3], 12, "whole"), [0, 1, 2, 3]);
  assert.ok(logTicks([0.4, 3], 12, "whole").every(Number.isInteger));
});

Deno.test("times are cut at whole minutes and hours, not at hundreds of seconds", () => {
  assert.deepEqual(linearTicks([0, 300], 6, "seconds"), [0, 60, 120, 180, 240, 300]);
  assert.deepEqual(linearTicks([0, 7200], 5, "seconds"), [0, 1800, 3600, 5400, 7200]);
  assert.deepEqual(linearTicks([0, 3 * 86_400], 4, "seconds"), [0, 86_400, 172_800, 259_200]);
  assert.deepEqual(tickLabels([0, 1800, 3600, 5400], "seconds"), ["0s", "30m", "1h", "1h 30m"]);
});

Deno.test("bytes are cut at whole MiB and GiB", () => {
  const mib = 2 ** 20;
  assert.deepEqual(linearTicks([0, 470 * mib], 3, "bytes"), [0, 200 * mib, 400 * mib]);
  assert.deepEqual(tickLabels([0, 200 * mib, 400 * mib], "bytes"), ["0", "200 MiB", "400 MiB"]);
  assert.deepEqual(linearTicks([0, 2.2 * 2 ** 30], 3, "bytes"), [0, 2 ** 30, 2 ** 31]);
  assert.deepEqual(tickLabels([0, 2 ** 29, 2 ** 30], "bytes"), ["0", "0.5 GiB", "1 GiB"]);
  assert.equal(valueLabel(470 * mib, "bytes"), "470 MiB");
});

Deno.test("logarithmic ticks are powers of ten, with what is between where there is room", () => {
  assert.deepEqual(logTicks([1, 1000], 4), [1, 10, 100, 1000]);
  assert.deepEqual(logTicks([1, 100], 8), [1, 2, 5, 10, 20, 50, 100]);
  assert.deepEqual(logTicks([1, 1e12], 5).length, 5);
});

Deno.test("less than a power of ten on a logarithmic axis has linear ticks", () => {
  assert.deepEqual(logTicks([5.8, 7.1], 4), [6, 6.5, 7]);
});

Deno.test("the labels of an axis have as many decimals as its finest tick", () => {
  assert.deepEqual(tickLabels([0, 0.25, 0.5]), ["0.00", "0.25", "0.50"]);
  assert.deepEqual(tickLabels([0, 2, 4]), ["0", "2", "4"]);
  assert.deepEqual(tickLabels([0, 500, 1000, 1500]), ["0", "500", "1K", "1.5K"]);
  assert.deepEqual(tickLabels([0, 1e-4, 2e-4]), ["0", "1e-4", "2e-4"]);
  assert.deepEqual(tickLabels([0.5, 1, 10], "number", true), ["0.5", "1", "10"]);
  assert.deepEqual(tickLabels([]), []);
});

Deno.test("numbers and times are as short as they can be read", () => {
  assert.equal(shortNumber(124_439_808), "124.4M");
  assert.equal(shortNumber(-1500), "-1.5K");
  assert.equal(durationLabel(59), "59s");
  assert.equal(durationLabel(3725), "1h 2m");
  assert.equal(durationLabel(86_400 * 2 + 30), "2d");
});

Deno.test("a readout says four digits of a loss, and all of a count", () => {
  assert.equal(valueLabel(10.98765), "10.99");
  assert.equal(valueLabel(0.0421345), "0.04213");
  assert.equal(valueLabel(4e-4), "4e-4");
  assert.equal(valueLabel(20_992, "whole"), "20,992");
  assert.equal(valueLabel(NaN), "–");
});
