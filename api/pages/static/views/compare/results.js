/** What came of each job, for a table. */

import { icon } from "../../components/icon.js";
import { statusBadge, statusWord } from "../../components/status_badge.js";
import { h, s } from "../../dom/h.js";
import { compact, counted, decimal, integer, NOTHING } from "../../format/numbers.js";
import { duration } from "../../format/times.js";
import { hrefOf } from "../../page/location.js";
import { extremes } from "./differences.js";

/** @import { Column } from "../../components/data_table.js" */
/** @import { JobRecord } from "../../types/records.d.ts" */
/** @import { Look } from "./looks.js" */

/**
 * @typedef {object} Result
 * @property {JobRecord} job
 * @property {Look} look
 * @property {number | null} elapsedS  training time without pauses
 * @property {boolean} isBaseline
 */

/** @typedef {(result: Result) => number | null | undefined} Measure */

/** @type {Measure} */
const bestLoss = ({ job }) => job.best?.val_loss;

/**
 * @param {readonly Result[]} results
 * @param {{pin: (id: string) => void, remove: (id: string) => void}} actions
 * @returns {Column<Result>[]}
 */
export function resultColumns(results, { pin, remove }) {
  const baseline = results.find(({ isBaseline }) => isBaseline)?.job;
  const hasBits = new Set(results.map(({ job }) => job.spec.tokenizer)).size > 1;
  const columns = [
    {
      id: "job",
      label: "Job",
      isHeading: true,
      /** @param {Result} result */
      state: ({ job, look, isBaseline }) => [job.id, look, statusWord(job), isBaseline],
      /** @param {Result} result */
      sortBy: ({ look }) => look.label,
      show: name,
    },
    {
      id: "actions",
      label: "Actions",
      isUnlabelled: true,
      /** @param {Result} result */
      state: ({ look, isBaseline }) => [look.label, isBaseline],
      /** @param {Result} result */
      show: ({ job, look, isBaseline }) =>
        h(
          "div",
          { class: "compare-actions" },
          h(
            "button",
            { type: "button", class: "button quiet icon", "aria-pressed": String(isBaseline), "aria-label": `Compare with ${look.label}`, title: isBaseline ? "The baseline" : "Make it the baseline", on: { click: () => pin(job.id) } },
            icon("flag"),
          ),
          h("button", { type: "button", class: "button quiet icon", "aria-label": `Leave ${look.label} out`, title: "Leave out", on: { click: () => remove(job.id) } }, icon("close")),
        ),
    },
    number("best", "Best validation", results, bestLoss, decimal, { better: "least", explanation: "Lowest validation loss, in nats per token, and its step", note: ({ job }) => (job.best === null ? "" : `step ${integer(job.best.step)}`) }),
    baseline !== undefined && number("change", "To baseline", results, (result) => change(bestLoss(result), baseline.best?.val_loss), percentWithSign, { explanation: `Best validation loss, in % of that of ${baseline.name ?? baseline.id}` }),
    hasBits && number("bits", "Bits per byte", results, ({ job }) => job.best?.val_bpb, decimal, { better: "least", explanation: "Of the best evaluation: comparable between tokenizers, as losses are not" }),
    number("val_loss", "Last validation", results, ({ job }) => job.latest?.val_loss, decimal, { better: "least" }),
    number("train_loss", "Last training", results, ({ job }) => job.latest?.train_loss, decimal, { better: "least" }),
    number("tokens_per_s", "Tokens/s", results, ({ job }) => job.progress.tokens_per_s, compact, { better: "greatest" }),
    number("time", "Training time", results, ({ elapsedS }) => elapsedS, duration, { explanation: "Without pauses and waiting" }),
    number("tokens", "Tokens seen", results, ({ job }) => job.progress.tokens_seen, compact, { note: ({ job }) => counted(job.progress.step, "step") }),
    number("parameters", "Parameters", results, ({ job }) => job.parameters, compact),
  ];
  return columns.filter((column) => column !== false);
}

/**
 * @param {string} id
 * @param {string} label
 * @param {readonly Result[]} results
 * @param {Measure} measure
 * @param {(value: number | null | undefined) => string} format
 * @param {{better?: "least" | "greatest", note?: (result: Result) => string, explanation?: string}} [options]  better: the
 *   one that is marked
 * @returns {Column<Result>}
 */
function number(id, label, results, measure, format, { better, note = () => "", explanation } = {}) {
  const found = extremes(results.map(measure).filter((value) => value != null));
  const marked = better === undefined ? null : found[better];
  const isMarked = (/** @type {Result} */ result) => marked !== null && measure(result) === marked;
  return {
    id,
    label,
    explanation,
    isNumeric: true,
    startsDescending: better === "greatest",
    sortBy: measure,
    state: (result) => [measure(result), note(result), isMarked(result)],
    show: (result) => [
      isMarked(result)
        ? h("strong", { class: "compare-best", title: `The ${better === "least" ? "lowest" : "highest"}` }, format(measure(result)), h("span", { class: "unseen" }, better === "least" ? ", the lowest" : ", the highest"))
        : format(measure(result)),
      note(result) ? h("div", { class: "muted small" }, note(result)) : null,
    ],
  };
}

/** @param {Result} result */
function name({ job, look, isBaseline }) {
  return h(
    "div",
    { class: "compare-name" },
    swatch(look),
    h("div", {}, h("a", { href: hrefOf(`/jobs/${job.id}`), title: job.id }, look.label), h("div", { class: "row" }, statusBadge(job), isBaseline && h("span", { class: "tag" }, "baseline"))),
  );
}

/**
 * The line of a job's curve, beside its name.
 * @param {Look} look
 */
export function swatch({ colour, isDashed }) {
  return s(
    "svg",
    { class: `chart-swatch chart-colour-${colour}${isDashed ? " is-dashed" : ""}`, viewBox: "0 0 22 8", "aria-hidden": "true" },
    s("path", { class: "chart-line", d: "M1 4h20" }),
  );
}

/**
 * @param {number | null | undefined} value
 * @param {number | null | undefined} baseline
 */
function change(value, baseline) {
  return value == null || baseline == null || baseline === 0 ? null : 100 * (value / baseline - 1);
}

/**
 * +1.2 %
 * @param {number | null | undefined} value
 */
export function percentWithSign(value) {
  if (value == null) return NOTHING;
  const rounded = Math.abs(value) < 9.95 ? value.toFixed(1) : value.toFixed(0);
  if (Number(rounded) === 0) return "0 %";
  return `${value > 0 ? "+" : "−"}${rounded.replace("-", "")} %`;
}
