import { copyText } from "../../components/clipboard.js";
import { ask } from "../../components/dialog.js";
import { field } from "../../components/field.js";
import { icon } from "../../components/icon.js";
import { MenuButton } from "../../components/menu_button.js";
import { statusBadge } from "../../components/status_badge.js";
import { TagEditor } from "../../components/tag_editor.js";
import { toast, toastError } from "../../components/toast.js";
import { tooltip } from "../../components/tooltip.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { RequestFailed } from "../../http/problem.js";
import { urlOf } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { isPlace, navigate } from "../../page/router.js";
import { jobs, session } from "../../page/services.js";
import { ACTIONS, changeJob, deleteJob, isDeletable, nameOf } from "../../records/job_actions.js";
import { CONFIRMATIONS, MEANINGS } from "./action_words.js";

/** @import { IconName } from "../../components/icon.js" */
/** @import { MenuItem } from "../../components/menu_button.js" */
/** @import { JobChanges, JobRecord } from "../../types/records.d.ts" */
/** @import { ActionName } from "./action_words.js" */

/** @type {Record<ActionName, IconName>} */
const ICONS = { finish: "flag", checkpoint: "save", pause: "pause", resume: "play", cancel: "close" };
const ORDER = /** @type {const} */ (["resume", "finish", "checkpoint", "pause", "cancel"]);

/** What a job is called and what can be done with it. Events: `fork`. */
export class JobHead extends Component {
  /** @type {JobRecord | null} */
  job = null;

  #name = h("h1", { tabindex: -1 });
  #badge = h("span", { role: "status" });
  #star = h("button", { type: "button", class: "button quiet icon", on: { click: () => this.#change({ starred: !this.job?.starred }) } });
  #tags = h("ul", { role: "list", class: "row job-tags", "aria-label": "Tags" });
  #actions = h("div", { class: "row", role: "group", "aria-label": "Actions" });
  #more = make(MenuButton, { label: "More", items: () => this.#items() });
  #help = tooltip(
    "What the actions do",
    h("dl", { class: "job-meanings" }, ...ORDER.flatMap((name) => [h("dt", {}, ACTIONS[name].label), h("dd", {}, MEANINGS[name])])),
  );
  #shown = "";

  build() {
    this.className = "job-head";
    this.append(
      h("nav", { "aria-label": "Breadcrumb", class: "small" }, h("a", { href: hrefOf("/") }, "Jobs")),
      h(
        "div",
        { class: "view-head" },
        h("div", { class: "job-title" }, this.#star, this.#name, this.#badge, this.#tags),
        h("div", { class: "row" }, this.#actions, this.#help, this.#more),
      ),
    );
  }

  render() {
    const { job } = this;
    if (job === null) return;
    const mayWrite = session.may("write");
    fill(this.#name, nameOf(job));
    const state = JSON.stringify([job.status, job.stopping, job.starred, job.tags, mayWrite]);
    if (state === this.#shown) return;
    this.#shown = state;
    fill(this.#badge, statusBadge(job));
    const star = job.starred ? "Take its star away" : "Star it";
    fill(this.#star, icon("star", { filled: job.starred }));
    this.#star.setAttribute("aria-label", star);
    this.#star.setAttribute("aria-pressed", String(job.starred));
    this.#star.title = star;
    this.#star.disabled = !mayWrite;
    fill(this.#tags, ...job.tags.map((tag) => h("li", { class: "tag" }, h("span", {}, tag))));
    const focused = this.#actions.contains(document.activeElement) ? document.activeElement?.textContent : null;
    const possible = mayWrite ? ORDER.filter((name) => ACTIONS[name].isPossible(job)) : [];
    fill(this.#actions, ...possible.map((name) => this.#actionButton(name)));
    this.#help.hidden = possible.length === 0;
    // Never to another action, which a second Enter would start.
    if (focused !== null) ([...this.#actions.querySelectorAll("button")].find(({ textContent }) => textContent === focused) ?? this.#name).focus();
  }

  /** @param {ActionName} name */
  #actionButton(name) {
    return h(
      "button",
      { type: "button", class: name === "resume" ? "button primary" : "button", title: MEANINGS[name], on: { click: () => this.#do(name) } },
      icon(ICONS[name]),
      ACTIONS[name].label,
    );
  }

  /** @param {ActionName} name */
  async #do(name) {
    const { job } = this;
    if (job === null) return;
    const { label, run, done } = ACTIONS[name];
    const title = `${label}: ${nameOf(job)}?`;
    const confirm = CONFIRMATIONS[name];
    if (confirm !== undefined && !(await ask({ title, body: h("p", {}, MEANINGS[name]), confirm, danger: name === "cancel" }))) return;
    await this.#try(`${label} was refused`, async () => {
      jobs.put(await run(job));
      toast(`The job was ${done}.`);
    });
  }

  /** @returns {MenuItem[]} */
  #items() {
    const { job } = this;
    if (job === null) return [];
    const download = (/** @type {string} */ path) => () => location.assign(urlOf(`jobs/${job.id}/${path}`));
    /** @type {MenuItem[]} */
    const reading = [
      { label: "Losses as CSV", icon: "download", act: download("losses?format=csv") },
      { label: "As one PyTorch file", icon: "download", act: download("eject") },
      { label: "Copy its id", icon: "copy", act: () => copyText(job.id, "Its id") },
    ];
    if (!session.may("write")) return reading;
    /** @type {MenuItem[]} */
    const again = isPlace("/new") ? [{ label: "New job like this one", icon: "add", act: () => navigate("/new", { from: job.id }) }] : [];
    return [
      { label: "Rename", icon: "edit", act: () => this.#rename(job) },
      { label: "Tags", icon: "tag", act: () => this.#editTags(job) },
      { label: "Fork from a checkpoint", icon: "fork", act: () => this.emit("fork") },
      ...again,
      ...reading,
      { label: job.archived ? "Take out of the archive" : "Archive", icon: "archive", act: () => this.#change({ archived: !job.archived }) },
      { label: "Delete", icon: "delete", danger: true, disabled: !isDeletable(job), act: () => this.#delete(job) },
    ];
  }

  /** @param {JobRecord} job */
  async #rename(job) {
    const name = field("Name", h("input", { value: job.name ?? "", maxlength: 200 }), { hint: "Empty: it is called by its id." });
    if (await ask({ title: "Rename the job", body: name.element, confirm: "Rename" })) {
      await this.#change({ name: name.control.value.trim() || null });
    }
  }

  /** @param {JobRecord} job */
  async #editTags(job) {
    const known = [...new Set(jobs.all.flatMap(({ tags }) => tags))].toSorted();
    const editor = make(TagEditor, { tags: [...job.tags], suggestions: known });
    if (await ask({ title: "Tags of the job", body: editor, confirm: "Save tags" })) await this.#change({ tags: editor.tags });
  }

  /** @param {JobRecord} job */
  async #delete(job) {
    const body = h("p", {}, "Its losses, samples and checkpoints go with it, for good.");
    if (!(await ask({ title: `Delete ${nameOf(job)}?`, body, confirm: "Delete it", danger: true }))) return;
    await this.#try("It could not be deleted", async () => {
      await deleteJob(job);
      toast(`${nameOf(job)} was deleted.`);
      if (this.isConnected) navigate("/");
      jobs.drop(job.id);
    });
  }

  /** @param {JobChanges} changes */
  async #change(changes) {
    const { job } = this;
    if (job === null) return;
    await this.#try("It could not be changed", async () => jobs.put(await changeJob(job, changes)));
  }

  /**
   * @param {string} what  it was that failed
   * @param {() => Promise<void>} act
   */
  async #try(what, act) {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError(what, error);
    }
  }
}
customElements.define("job-head", JobHead);
