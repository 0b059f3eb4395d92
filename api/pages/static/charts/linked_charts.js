/** Charts on the same x that share one cursor and one window; the whole of x is that of the first one with points. */

/** @typedef {import("./line_chart.js").LineChart} LineChart */

/**
 * @param {readonly LineChart[]} charts
 * @param {AbortSignal} signal  unlinks them
 */
export function linkCharts(charts, signal) {
  for (const chart of charts) {
    const others = charts.filter((other) => other !== chart);
    chart.peers = charts;
    signal.addEventListener("abort", () => (chart.peers = []));
    chart.addEventListener("cursor", () => others.forEach((other) => (other.cursor = chart.cursor)), { signal });
    chart.addEventListener("zoom", () => others.forEach((other) => (other.view = chart.view)), { signal });
  }
}
