import { icon } from "../../components/icon.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { request, urlOf } from "../../http/request.js";

/** @import { EventStream } from "../../http/event_stream.js" */
/** @import { EventRecord, JobRecord } from "../../types/records.d.ts" */

const TAIL = 1000;
/** A job that trains tells of itself twice a second; its log is not read as often. */
const REST_MS = 2000;

/** What the job's trainers wrote, and go on writing: it is read again when the stream tells that something has happened. */
export class LogPanel extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {EventStream | null} */
  stream = null;
  /** Whether it can be seen: else nothing is read. */
  isShown = false;

  #follow = h("input", { type: "checkbox", checked: true });
  #link = h("a", { class: "button quiet" }, icon("download"), "Whole log");
  #lines = h("pre", { class: "log", tabindex: 0, role: "region", "aria-label": "The trainers' log" });
  #state = h("p", { class: "muted small", role: "status" });
  #readAt = 0;
  #isReading = false;
  /** Whether something has happened that what is read may not have. */
  #isStale = true;
  #attempt = 0;
  #offset = 0;
  #text = "";

  build() {
    this.append(
      h("div", { class: "row panel-body" }, h("label", { class: "check" }, this.#follow, "Follow the newest line"), this.#state, h("div", { class: "row-end" }, this.#link)),
      this.#lines,
    );
    this.#follow.addEventListener("change", () => this.#scroll());
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    const hear = (/** @type {Event} */ event) => {
      const { job_id: jobId } = /** @type {CustomEvent<EventRecord>} */ (event).detail;
      if (jobId !== this.job?.id) return;
      this.#isStale = true;
      this.#readSoon();
    };
    this.stream?.addEventListener("event", hear, { signal });
    this.stream?.addEventListener("state", () => this.stream?.state === "live" && this.changed(), { signal });
  }

  render() {
    const { job } = this;
    if (job === null || !this.isShown) return;
    this.#link.href = urlOf(`jobs/${job.id}/log`).href;
    if (this.#isStale) this.#readSoon();
  }

  async #readSoon() {
    if (this.#isReading || !this.isShown || this.job === null) return;
    this.#isReading = true;
    try {
      // What happens while it is read, such as the job's end, has it read once more.
      while (this.#isStale && this.isShown) {
        const rest = this.#readAt + REST_MS - Date.now();
        if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
        this.#readAt = Date.now();
        this.#isStale = false;
        await this.#read(this.job);
        fill(this.#state);
      }
    } catch (error) {
      this.#isStale = true;
      if (!isAborted(error)) {
        if (!(error instanceof RequestFailed)) throw error;
        fill(this.#state, inWords(error));
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** @param {JobRecord} job */
  async #read(job) {
    const isNewAttempt = this.#attempt === 0 || job.attempt > this.#attempt;
    const query = isNewAttempt ? { tail: TAIL } : { attempt: this.#attempt, offset: this.#offset };
    const response = await request("GET", `jobs/${job.id}/log`, { query, headers: { Accept: "text/plain" }, signal: this.signal });
    this.#attempt = Number(response.headers.get("X-Log-Attempt"));
    this.#offset = Number(response.headers.get("X-Log-Offset"));
    const text = await response.text();
    const whole = isNewAttempt ? text : this.#text + text;
    // As many lines as a person reads, and the rest behind the last newline.
    this.#text = whole.split("\n").slice(-TAIL - 1).join("\n");
    fill(this.#lines, this.#text || "Nothing was written yet.");
    this.#scroll();
  }

  #scroll() {
    if (this.#follow.checked) this.#lines.scrollTop = this.#lines.scrollHeight;
  }
}
customElements.define("log-panel", LogPanel);
