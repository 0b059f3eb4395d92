import { icon } from "../../components/icon.js";
import { progressBar } from "../../components/progress_bar.js";
import { statusBadge, statusWord } from "../../components/status_badge.js";
import { timeSince } from "../../components/time_since.js";
import { h, make } from "../../dom/h.js";
import { bytes, compact, decimal, integer } from "../../format/numbers.js";
import { age } from "../../format/times.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { datasetNames } from "../../page/services.js";
import { nameOf } from "../../records/job_actions.js";
import { STATUSES } from "../../records/job_changes.js";
import { JobSketch } from "./job_sketch.js";
import { isStuck, standing, standingAtLength } from "./words.js";

/** @import { Column } from "../../components/data_table.js" */
/** @import { JobRecord } from "../../types/records.d.ts" */

/** @typedef {Column<JobRecord> & {isShownAtFirst?: boolean}} JobColumn */

/** @type {Record<string, "busy" | "good" | "bad" | "quiet">} */
const TONES = { running: "busy", succeeded: "good", failed: "bad" };

/**
 * All columns of the table of jobs, in their order.
 * @param {(job: JobRecord) => void} onStar  null where the reader may not change jobs
 * @param {(job: JobRecord) => boolean} mayChange
 * @returns {JobColumn[]}
 */
export function jobColumns(onStar, mayChange) {
  return [
    {
      id: "star",
      label: "Star",
      isUnlabelled: true,
      isShownAtFirst: true,
      state: (job) => [job.starred, mayChange(job)],
      sortBy: (job) => job.starred,
      startsDescending: true,
      show: (job) => star(job, onStar, mayChange(job)),
    },
    {
      id: "name",
      label: "Name",
      isHeading: true,
      isShownAtFirst: true,
      state: (job) => [job.name, job.parameters, job.archived, isPlace(`/jobs/${job.id}`)],
      sortBy: nameOf,
      show: name,
    },
    {
      id: "status",
      label: "Status",
      isShownAtFirst: true,
      state: statusWord,
      sortBy: (job) => STATUSES.indexOf(job.status),
      show: statusBadge,
    },
    {
      id: "progress",
      label: "Progress",
      isShownAtFirst: true,
      state: (job) => [job.status, standing(job), Math.floor(job.progress.fraction * 200), standingAtLength(job)],
      sortBy: (job) => job.progress.fraction,
      startsDescending: true,
      show: progress,
    },
    {
      id: "losses",
      label: "Losses",
      explanation: "Training loss, and dashed the validation loss",
      isShownAtFirst: true,
      state: (job) => job.id,
      show: (job) => make(JobSketch, { jobId: job.id }),
    },
    number("best", "Best", (job) => job.best?.val_loss, decimal, {
      explanation: "Lowest validation loss, in nats per token, and its step",
      note: (job) => (job.best === null ? "" : `step ${integer(job.best.step)}`),
      isShownAtFirst: true,
    }),
    number("train_loss", "Train", (job) => job.latest?.train_loss, decimal, { explanation: "Newest training loss, in nats per token" }),
    number("val_loss", "Validation", (job) => job.latest?.val_loss, decimal, { explanation: "Newest validation loss, in nats per token" }),
    number("best_bpb", "Bits per byte", (job) => job.best?.val_bpb, decimal, { explanation: "Of the best evaluation; comparable between tokenizers" }),
    number("tokens_per_s", "Tokens/s", (job) => job.progress.tokens_per_s, compact, { isShownAtFirst: true, startsDescending: true }),
    {
      id: "dataset",
      label: "Data set",
      isShownAtFirst: true,
      state: (job) => datasetNames.of(job.spec.dataset),
      sortBy: (job) => datasetNames.of(job.spec.dataset),
      show: (job) => h("span", { class: "cut", title: job.spec.dataset }, datasetNames.of(job.spec.dataset)),
    },
    {
      id: "tags",
      label: "Tags",
      isShownAtFirst: true,
      state: (job) => job.tags,
      sortBy: (job) => job.tags.join(" ") || null,
      show: (job) => h("span", { class: "job-tags" }, ...job.tags.map((tag) => h("span", { class: "tag" }, h("span", {}, tag)))),
    },
    {
      id: "age",
      label: "Age",
      isNumeric: true,
      isShownAtFirst: true,
      state: (job) => job.created_at,
      // The youngest first, so the smallest age.
      sortBy: (job) => -Date.parse(job.created_at ?? ""),
      show: (job) => timeSince(job.created_at, { words: age }),
    },
    number("parameters", "Parameters", (job) => job.parameters, compact, { startsDescending: true }),
    number("steps", "Steps", (job) => job.progress.total_steps, integer, { startsDescending: true }),
    number("tokens", "Tokens seen", (job) => job.progress.tokens_seen, compact, { startsDescending: true }),
    number("learning_rate", "Learning rate", (job) => job.spec.training?.learning_rate, decimal, {}),
    number("disk", "Disk", (job) => job.disk_bytes, bytes, { startsDescending: true }),
    text("preset", "Preset", (job) => job.spec.preset),
    text("device", "Device", (job) => job.device),
    text("owner", "Owner", (job) => job.owner),
    text("id", "Id", (job) => job.id),
  ];
}

/**
 * @param {string} id
 * @param {string} label
 * @param {(job: JobRecord) => number | null | undefined} value
 * @param {(value: number | null | undefined) => string} format
 * @param {Partial<JobColumn> & {note?: (job: JobRecord) => string}} options  note: a second, smaller line
 * @returns {JobColumn}
 */
function number(id, label, value, format, { note = () => "", ...options }) {
  const show = (/** @type {JobRecord} */ job) => {
    const below = note(job);
    return below ? [format(value(job)), h("div", { class: "muted small" }, below)] : format(value(job));
  };
  return { id, label, isNumeric: true, state: (job) => [value(job), note(job)], sortBy: value, show, ...options };
}

/**
 * @param {string} id
 * @param {string} label
 * @param {(job: JobRecord) => string | null | undefined} value
 * @returns {JobColumn}
 */
function text(id, label, value) {
  return { id, label, state: value, sortBy: value, show: (job) => h("span", { class: "cut" }, value(job) ?? "–") };
}

/**
 * @param {JobRecord} job
 * @param {(job: JobRecord) => void} onStar
 * @param {boolean} mayChange
 */
function star(job, onStar, mayChange) {
  const label = job.starred ? `${nameOf(job)} is starred` : `Star ${nameOf(job)}`;
  return h(
    "button",
    {
      type: "button",
      class: "job-star",
      "aria-pressed": String(job.starred),
      "aria-label": label,
      disabled: !mayChange,
      on: { click: () => onStar(job) },
    },
    icon("star", { filled: job.starred }),
  );
}

/** @param {JobRecord} job */
function name(job) {
  const called = nameOf(job);
  const path = `/jobs/${job.id}`;
  const { preset } = job.spec;
  const kind = [preset, `${compact(job.parameters)} parameters`, job.archived && "archived"].filter(Boolean).join(" · ");
  return [
    isPlace(path)
      ? h("a", { class: "job-name", href: hrefOf(path), title: job.id }, called)
      : h("span", { class: "job-name", title: job.id }, called),
    h("div", { class: "muted small job-kind" }, kind),
  ];
}

/** @param {JobRecord} job */
function progress(job) {
  const words = standing(job);
  const hasBar = job.progress.step > 0 || job.status === "running";
  const { fraction } = job.progress;
  const isBeginning = job.status === "running" && job.progress.step === 0;
  const tone = TONES[job.status] ?? "quiet";
  return h(
    "div",
    { class: "job-progress", title: standingAtLength(job) },
    hasBar && progressBar(isBeginning ? null : fraction, { label: `Progress of ${nameOf(job)}`, tone }),
    h("div", { class: isStuck(job) ? "small stuck" : job.status === "failed" ? "small failed" : "muted small" }, words),
  );
}
