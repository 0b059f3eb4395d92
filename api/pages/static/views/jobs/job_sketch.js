import { SparkLine } from "../../charts/spark_line.js";
import { Component } from "../../dom/component.js";
import { make } from "../../dom/h.js";
import { sketches } from "../../page/services.js";

/** Wants the sketches of the jobs that are in the window, or nearly. */
const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) sketches.want(/** @type {JobSketch} */ (target).jobId);
    }
  },
  { rootMargin: "200px" },
);

/** Both losses of a job as one small picture, fetched when it comes into sight. */
export class JobSketch extends Component {
  jobId = "";
  /** @type {SparkLine | null} Made when there is something to draw: most rows of a long table are never seen. */
  #line = null;

  /** @param {AbortSignal} signal */
  connected(signal) {
    observer.observe(this);
    signal.addEventListener("abort", () => observer.unobserve(this));
    const hear = (/** @type {Event} */ event) => {
      if (/** @type {CustomEvent} */ (event).detail === this.jobId) this.changed();
    };
    sketches.addEventListener("change", hear, { signal });
  }

  render() {
    const sketch = sketches.of(this.jobId);
    if (sketch === undefined) return;
    if (this.#line === null) {
      this.#line = make(SparkLine);
      this.append(this.#line);
    }
    if (sketch === this.#line.losses) return;
    this.#line.losses = sketch;
    this.classList.toggle("drawn", sketch.x.length > 1);
  }
}
customElements.define("job-sketch", JobSketch);
