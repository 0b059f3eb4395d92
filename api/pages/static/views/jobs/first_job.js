import { setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { toastError } from "../../components/toast.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { bytes, compact } from "../../format/numbers.js";
import { duration } from "../../format/times.js";
import { RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { currentMatch, isPlace, navigate } from "../../page/router.js";
import { jobs, session } from "../../page/services.js";

/** @import { EstimateRecord, JobSpec } from "../../types/records.d.ts" */

/** A text that needs no network. */
const OFFLINE_DATASET = "sample";

/**
 * Jobs to begin with. They differ in what a newcomer has to decide: how long to wait.
 * @type {{title: string, text: string, spec: Partial<JobSpec>}[]}
 */
const STARTS = [
  {
    title: "A first look",
    text: "A tiny GPT on a short text that comes with the service: done in a minute or so.",
    spec: { name: "first-look", preset: "tiny", dataset: "sample" },
  },
  {
    title: "Learning by heart",
    text: "A small GPT that reads the same short text twenty times: you see where it begins to over-fit, and what it copies.",
    // Drawn as the lecture draws, and with a head of its own: so it learns in a tenth of the steps that `tiny` would take.
    spec: {
      name: "by-heart",
      preset: "tiny",
      dataset: "sample",
      model: { emb_dim: 192, n_heads: 6, tie_weights: false, initialization: "pytorch", drop_rate: 0 },
      training: { num_epochs: 20, batch_size: 4, learning_rate: 0.001 },
      evaluation: { eval_freq: 10 },
    },
  },
  {
    title: "The lecture's GPT",
    text: "GPT-2 small on “The Verdict”, ten epochs: it learns the story by heart, and you see where.",
    spec: { name: "the-lecture", preset: "lecture" },
  },
];

/** What a first visit sees where jobs will be: two of them to start by one click, with what they would take. */
export class FirstJob extends Component {
  build() {
    this.className = "first-job";
    const mayStart = session.may("write");
    const more = isPlace("/new") && h("a", { href: hrefOf("/new") }, "Choose everything yourself");
    fill(
      this,
      h("h2", {}, "Nothing has been trained yet"),
      h(
        "p",
        { class: "muted" },
        mayStart ? "Start a job, and watch it learn: its losses, what it writes, what it has copied." : "You may look, and not start jobs: ask for a token with the scope “write”.",
      ),
      mayStart && h("div", { class: "first-job-cards" }, ...STARTS.map((start) => this.#card(start))),
      mayStart && more,
    );
  }

  /** @param {typeof STARTS[number]} start */
  #card({ title, text, spec }) {
    const facts = h("p", { class: "muted small first-job-facts" }, "…");
    const button = h("button", { type: "button", class: "button primary" }, icon("add"), `Start ${title.charAt(0).toLowerCase()}${title.slice(1)}`);
    let posted = spec;
    button.addEventListener("click", () => startJob(posted, button));
    queueMicrotask(async () => {
      posted = (await this.#estimate(spec, facts, button)) ?? spec;
    });
    return h("div", { class: "panel panel-body stack" }, h("h3", {}, title), h("p", {}, text), facts, button);
  }

  /**
   * @param {Partial<JobSpec>} spec
   * @param {HTMLElement} facts
   * @param {HTMLButtonElement} button
   * @returns {Promise<Partial<JobSpec> | undefined>} what to post in place of the spec, if anything
   */
  async #estimate(spec, facts, button) {
    try {
      /** @type {EstimateRecord} */
      const estimate = await post("jobs/estimate", { json: spec, signal: this.signal });
      if (spec.dataset !== OFFLINE_DATASET && estimate.reasons.some(({ field }) => field === "dataset")) {
        const instead = { ...spec, dataset: OFFLINE_DATASET };
        await this.#estimate(instead, facts, button);
        facts.prepend("Its text can't be fetched: on the one that comes with the service. ");
        return instead;
      }
      fill(facts, factsOf(estimate));
      setDisabled(button, !estimate.fits);
      if (!estimate.fits) fill(facts, estimate.reasons.map(({ message }) => message).join("; "));
    } catch (error) {
      if (isAborted(error)) return undefined;
      if (!(error instanceof RequestFailed)) throw error;
      fill(facts, inWords(error));
    }
    return undefined;
  }
}
customElements.define("first-job", FirstJob);

/** @param {EstimateRecord} estimate */
function factsOf({ parameters, memory, time_s: time, steps }) {
  return [
    `${compact(parameters.total)} parameters`,
    steps !== null && `${compact(steps)} steps`,
    `${bytes(memory.total_bytes)} of memory`,
    time !== null && `about ${duration(time)}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/**
 * Post a job, and go where it can be watched, unless its person has gone elsewhere meanwhile.
 * @param {Partial<JobSpec>} spec
 * @param {HTMLButtonElement} button
 */
async function startJob(spec, button) {
  setDisabled(button, true);
  const { path } = currentMatch();
  try {
    const job = await post("jobs", { json: spec });
    jobs.put(job);
    if (isPlace(`/jobs/${job.id}`) && currentMatch().path === path) navigate(`/jobs/${job.id}`);
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    toastError("The job could not be started", error);
    setDisabled(button, false);
  }
}
