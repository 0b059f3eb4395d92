import { h } from "../../dom/h.js";
import { bytes, integer, NOTHING } from "../../format/numbers.js";
import { duration } from "../../format/times.js";
import { get } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { FetchedPanel } from "./fetched_panel.js";
import { factsOf, since, tableOf } from "./rows.js";

/** @import { LimitsRecord, VersionRecord, WorkerRecord } from "../../types/records.d.ts" */

/**
 * The version, the workers and the limits.
 * @extends {FetchedPanel<[VersionRecord, {data: WorkerRecord[]}, LimitsRecord]>}
 */
export class ServicePanel extends FetchedPanel {
  /** @param {AbortSignal} signal */
  read(signal) {
    return /** @type {any} */ (Promise.all([get("version", { signal }), get("workers", { signal }), get("limits", { signal })]));
  }

  /** @param {[VersionRecord, {data: WorkerRecord[]}, LimitsRecord]} answer */
  show([{ version }, { data: workers }, limits]) {
    return [
      h("h2", {}, "Workers"),
      workers.length === 0
        ? h("p", { class: "muted" }, "There are none: jobs wait until one starts. ", h("code", {}, "pretrain up"), " starts them with the service.")
        : tableOf("Workers", ["Host", "Queue", "State", "Device", "Memory for a job", "Since"], workers.map(workerRow)),
      h("h2", {}, "Limits"),
      factsOf([
        ["Memory of a job", limits.max_job_memory_bytes === null ? "not known" : bytes(limits.max_job_memory_bytes)],
        ["Steps of a job", integer(limits.max_steps)],
        ["Your queued jobs", most(limits.queued_jobs, limits.max_queued_jobs, integer)],
        ["Your stored files", most(limits.stored_bytes, limits.max_stored_bytes, bytes)],
        ["Requests a minute", limits.requests_per_minute === null ? "any number" : integer(limits.requests_per_minute)],
        ["Generations at once", limits.generations_at_once === null ? "any number" : integer(limits.generations_at_once)],
        ["Tokens of a generation", integer(limits.max_new_tokens)],
        ["Time of a generation", duration(limits.generate_timeout_s)],
        ["Size of a text", bytes(limits.max_dataset_bytes)],
        ["Size of a model", bytes(limits.max_model_bytes)],
        ["A checkpoint at least every", duration(limits.checkpoint_s)],
      ]),
      h("p", { class: "muted small" }, `pretrain ${version} · `, h("a", { href: "docs" }, "API"), " · ", h("a", { href: "openapi.json" }, "OpenAPI document")),
    ];
  }
}
customElements.define("service-panel", ServicePanel);

/**
 * @param {WorkerRecord} worker
 * @returns {import("../../dom/h.js").Children[]}
 */
function workerRow({ host, pid, queue, status, detail, job_id: job, device, memory_bytes: memory, since: time }) {
  const words = [status, detail].filter(Boolean).join(": ");
  return [
    [host, h("span", { class: "muted small" }, ` ${pid}`)],
    queue,
    job === null ? words : h("a", { href: hrefOf(`/jobs/${job}`) }, words),
    device ?? NOTHING,
    bytes(memory),
    since(time),
  ];
}

/**
 * @param {number | null} now
 * @param {number | null} limit
 * @param {(value: number) => string} format
 */
function most(now, limit, format) {
  const bound = limit === null ? "any number" : format(limit);
  return now === null ? bound : `${format(now)} of ${bound}`;
}
