import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";
import { percent } from "../format/numbers.js";

await stylesheet(import.meta.url, "progress_bar.css");

/**
 * @param {number | null} fraction  of 1; null: going on, nobody knows how far
 * @param {{label: string, tone?: "busy" | "good" | "bad" | "quiet"}} options  label: what is going on, for screen readers
 */
export function progressBar(fraction, { label, tone = "busy" }) {
  return h(
    "div",
    {
      class: "progress",
      role: "progressbar",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": fraction === null ? null : Math.floor(fraction * 100),
      "aria-valuetext": fraction === null ? "unknown" : percent(fraction),
      data: { tone },
    },
    h("div", { class: "progress-fill", vars: { "--fraction": fraction ?? 0.3 } }),
  );
}
