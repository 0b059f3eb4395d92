import { BarStrip } from "../../charts/bar_strip.js";
import { ask } from "../../components/dialog.js";
import { statusBadge } from "../../components/status_badge.js";
import { toast, toastError } from "../../components/toast.js";
import { h, make } from "../../dom/h.js";
import { bytes, counted, integer } from "../../format/numbers.js";
import { RequestFailed } from "../../http/problem.js";
import { get, post } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { jobs, session } from "../../page/services.js";
import { FetchedPanel } from "./fetched_panel.js";
import { tableOf } from "./rows.js";

/** @import { DiskRecord, JobDiskRecord, PruneRecord } from "../../types/records.d.ts" */

const MOST_JOBS = 20;

/**
 * What takes the disk's space, and what can be freed.
 * @extends {FetchedPanel<DiskRecord>}
 */
export class DiskPanel extends FetchedPanel {
  /** @param {AbortSignal} signal */
  read(signal) {
    return get("disk", { query: { limit: MOST_JOBS }, signal });
  }

  /** @param {DiskRecord} disk */
  show(disk) {
    const own = disk.datasets_bytes + disk.tokens_bytes + disk.models_bytes + disk.jobs_bytes;
    const parts = [
      { label: "Jobs", value: disk.jobs_bytes },
      { label: "Texts and tokenizers", value: disk.datasets_bytes },
      { label: "Counted tokens", value: disk.tokens_bytes },
      { label: "Models from outside", value: disk.models_bytes },
      { label: "Other programs", value: Math.max(0, disk.total_bytes - disk.free_bytes - own), kind: /** @type {const} */ ("other") },
      { label: "Free", value: disk.free_bytes, kind: /** @type {const} */ ("free") },
    ];
    const prune = h("button", { type: "button", class: "button", disabled: disk.freeable_bytes === 0, on: { click: () => this.#prune() } }, "Free space");
    const shown = disk.data.filter((job) => job.bytes > 0);
    return [
      h("div", { class: "row" }, h("h2", {}, `${bytes(disk.free_bytes)} of ${bytes(disk.total_bytes)} are free`), session.may("write") && h("div", { class: "row-end" }, prune)),
      make(BarStrip, { parts, text: bytes }),
      h("p", { class: "muted" }, disk.freeable_bytes === 0 ? "No ended job has anything that it does not need." : `${bytes(disk.freeable_bytes)} can be freed: states of optimizers, and checkpoints beside the newest and the best, of jobs that have ended and are not starred.`),
      shown.length > 0 && tableOf("Jobs by size", ["Job", "Status", "Checkpoints", "Size", "Can be freed"], shown.map(jobRow)),
      disk.has_more && h("p", { class: "muted small" }, `The ${MOST_JOBS} largest are shown.`),
    ].filter((child) => child !== false);
  }

  async #prune() {
    try {
      /** @type {PruneRecord} */
      const plan = await post("disk/prune", { json: { dry_run: true }, signal: this.signal });
      const states = plan.data.filter(({ what }) => what === "optimizer").length;
      const checkpoints = plan.data.length - states;
      const body = [
        h("p", {}, `${counted(checkpoints, "checkpoint")} and ${counted(states, "state of an optimizer", "states of optimizers")} go. Each job keeps the weights of its newest and of its best checkpoint.`),
        h("p", { class: "muted" }, "A fork of such a job starts from its weights, without the optimizer's state."),
      ];
      if (!(await ask({ title: `Free ${bytes(plan.bytes)}?`, body, confirm: "Delete for good", danger: true }))) return;
      /** @type {PruneRecord} */
      const done = await post("disk/prune", { json: {} });
      toast(`${bytes(done.bytes)} are free again.`);
      await this.load();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError("No space could be freed", error);
    }
  }
}
customElements.define("disk-panel", DiskPanel);

/**
 * @param {JobDiskRecord} record
 * @returns {import("../../dom/h.js").Children[]}
 */
function jobRow({ id, name, status, starred, checkpoints, bytes: size, freeable_bytes: freeable }) {
  const job = jobs.job(id);
  return [
    h("a", { href: hrefOf(`/jobs/${id}`) }, name ?? id),
    job === undefined ? status : statusBadge(job),
    integer(checkpoints),
    bytes(size),
    freeable > 0 ? bytes(freeable) : starred ? "nothing: it is starred" : "–",
  ];
}
