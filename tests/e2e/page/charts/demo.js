/** Every kind of chart, fed with courses like those of real jobs, for `test_charts.py`. */

import "./static/charts/bar_strip.js";
import "./static/charts/line_chart.js";
import { linkCharts } from "./static/charts/linked_charts.js";
import "./static/charts/spark_line.js";

/** The same numbers in every run: Mulberry32. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A job over-fits: of its losses `count` evaluations, every `every` steps. */
export function lossCurves(count, every, noise, seed = 1) {
  const next = random(seed);
  const x = [];
  const train = [];
  const validation = [];
  for (let index = 0; index < count; index += 1) {
    const share = index / count;
    x.push(index * every);
    train.push(0.4 + 9.6 * Math.exp(-4.5 * share) + noise * (next() - 0.5));
    validation.push(6.1 + 4 * Math.exp(-9 * share) + 0.9 * share * share + noise * 0.4 * (next() - 0.5));
  }
  return { x, train, validation };
}

export function lossSeries({ x, train, validation }) {
  return [
    { id: "train", label: "Training loss", colour: 1, x, y: train },
    { id: "validation", label: "Validation loss", colour: 2, isDashed: true, x: [...x], y: validation },
  ];
}

/** The chart with more points at the end of one of its series. */
export function addPoints(chart, id, x, y) {
  chart.series = chart.series.map((one) => (one.id === id ? { ...one, x: [...one.x, ...x], y: [...one.y, ...y] } : one));
}

/** What the server would answer of so many rows: of each bucket the rows with the least and the greatest losses. */
export function reduced(curves, from, to, mostRows) {
  const { x, train, validation } = curves;
  const inside = [...x.keys()].filter((index) => x[index] >= from && x[index] <= to);
  if (inside.length <= mostRows) return pick(curves, inside);
  const size = Math.ceil((4 * inside.length) / mostRows);
  const kept = new Set([inside[0], inside.at(-1)]);
  for (let start = 0; start < inside.length; start += size) {
    const bucket = inside.slice(start, start + size);
    for (const y of [train, validation]) {
      kept.add(bucket.reduce((least, index) => (y[index] < y[least] ? index : least)));
      kept.add(bucket.reduce((most, index) => (y[index] > y[most] ? index : most)));
    }
  }
  return pick(curves, [...kept].toSorted((a, b) => a - b));
}

function pick({ x, train, validation }, indices) {
  const of = (numbers) => indices.map((index) => numbers[index]);
  return { x: of(x), train: of(train), validation: of(validation) };
}

export function chart(id, properties) {
  const element = document.createElement("line-chart");
  element.id = id;
  Object.assign(element, properties);
  document.querySelector("main").append(element);
  return element;
}

const lecture = lossCurves(18, 5, 0.2);
const small = chart("lecture", {
  heading: "Loss",
  series: lossSeries(lecture),
  yAxis: { label: "Loss", kind: "number" },
  topAxis: { label: "Tokens seen", kind: "whole", x: lecture.x, at: lecture.x.map((step) => (step + 1) * 512) },
  marks: [
    { x: 15, kind: "checkpoint", label: "Checkpoint after update 16" },
    { x: 40, kind: "overfitting", label: "Over-fitting from here" },
    { x: 60, kind: "alert", label: "Alert: val_loss > 6.5 for 3" },
    { x: 30, kind: "resume", label: "Resumed" },
    { x: 70, kind: "sample", label: "Sample" },
    { x: 85, kind: "checkpoint", label: "Checkpoint after update 86" },
  ],
});
const rate = chart("rate", {
  heading: "Learning rate",
  series: [{ id: "rate", label: "Learning rate", colour: 3, x: lecture.x, y: lecture.x.map((step) => 4e-4 * Math.min(1, (step + 1) / 20)) }],
});
linkCharts([small, rate], new AbortController().signal);

const long = lossCurves(100_000, 10, 1.1, 7);
long.train[60_000] = 14;
window.long = long;
window.big = chart("big", { heading: "Loss of a long job", series: lossSeries(reduced(long, 0, Infinity, 2000)), smoothing: 0.9 });
window.big.addEventListener("zoom", ({ detail: { from, to } }) => {
  window.big.series = lossSeries(reduced(long, from ?? 0, to ?? Infinity, 2000));
});

chart("smoothed", { heading: "Smoothed, with the raw curve behind", series: lossSeries(lossCurves(220, 5, 1.5, 3)), smoothing: 0.8 });

chart("compared", {
  heading: "Validation loss of eight jobs",
  series: Array.from({ length: 8 }, (_, index) => {
    const { x, validation } = lossCurves(60 + index * 8, 5, 0.2, index);
    return { id: `job-${index}`, label: `learning_rate ${index + 1}e-4`, colour: index + 1, x, y: validation.map((loss) => loss - index * 0.3) };
  }),
});
const groups = [["4e-4", 0], ["1e-3", 0.7]].map(([name, shift], index) => {
  const { x, validation } = lossCurves(90, 5, 0.15, index + 20);
  const y = validation.map((loss) => loss - shift);
  const spread = x.map((step) => 0.1 + (0.5 * step) / 445);
  return { id: name, label: `${name}, mean of 3`, colour: index + 1, x, y, low: y.map((loss, at) => loss - spread[at]), high: y.map((loss, at) => loss + spread[at]) };
});
chart("grouped", { heading: "Validation loss by learning_rate", series: groups });
chart("logarithmic", { heading: "Both axes logarithmic", series: lossSeries(lossCurves(400, 5, 0.1, 5)), options: { isLogX: true, isLogY: true, clipsOutliers: true } });
chart("empty", { heading: "Gradient norm", series: [], emptyText: "No evaluation yet." });

const spark = document.createElement("spark-line");
spark.losses = { x: long.x, train: long.train, validation: long.validation };
const strip = document.createElement("bar-strip");
strip.parts = [
  { label: "Token embeddings", value: 38_597_376 },
  { label: "Position embeddings", value: 196_608 },
  { label: "Attention", value: 28_320_768 },
  { label: "Feed-forward", value: 56_669_184 },
  { label: "Layer norms", value: 38_400 },
  { label: "Output head", value: 38_597_376 },
];
const div = document.createElement("div");
div.append(spark);
document.querySelector("main").append(div, strip);
Object.assign(window, { addPoints, chart, lossCurves, lossSeries, reduced, isReady: true });
