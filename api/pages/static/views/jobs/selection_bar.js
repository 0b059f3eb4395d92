import { ask } from "../../components/dialog.js";
import { isDisabledNow, setDisabled } from "../../components/disabled.js";
import { icon } from "../../components/icon.js";
import { MenuButton } from "../../components/menu_button.js";
import { TagEditor } from "../../components/tag_editor.js";
import { toast, toastError } from "../../components/toast.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { counted } from "../../format/numbers.js";
import { RequestFailed } from "../../http/problem.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { jobs, session } from "../../page/services.js";
import { ACTIONS, changeJob, deleteJob, isDeletable, nameOf } from "../../records/job_actions.js";
import { tagsOf } from "../../records/job_filters.js";

/** @import { JobRecord } from "../../types/records.d.ts" */
/** @import { JobAction } from "../../records/job_actions.js" */

/** What can be done with the jobs that are selected. Events: `clear`. */
export class SelectionBar extends Component {
  /** @type {JobRecord[]} */
  selected = [];

  #count = h("strong", { role: "status" });
  #compare = h("a", { class: "button" }, icon("compare"), "Compare");
  #tag = this.#button("tag", "Tag", () => this.#editTags());
  #archive = this.#button("archive", "Archive", () => this.#setArchived(true));
  #unarchive = this.#button("archive", "Take out of the archive", () => this.#setArchived(false));
  #delete = this.#button("delete", "Delete", () => this.#confirmDelete());
  #more = make(MenuButton, { label: "More", items: () => this.#actions() });

  build() {
    this.className = "selection-bar toolbar";
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "Selected jobs");
    const clear = h("button", { type: "button", class: "button quiet", on: { click: () => this.emit("clear") } }, "Clear");
    this.#delete.classList.add("danger");
    fill(this, this.#count, this.#compare, this.#tag, this.#archive, this.#unarchive, this.#delete, this.#more, clear);
  }

  render() {
    const { selected } = this;
    const mayWrite = session.may("write");
    this.hidden = selected.length === 0;
    fill(this.#count, `${selected.length} selected`);
    this.#compare.hidden = selected.length < 2 || !isPlace("/compare");
    this.#compare.href = hrefOf("/compare", { ids: selected.map(({ id }) => id).join(",") });
    this.#tag.hidden = this.#more.hidden = !mayWrite;
    this.#archive.hidden = !mayWrite || selected.every(({ archived }) => archived);
    this.#unarchive.hidden = !mayWrite || !selected.some(({ archived }) => archived);
    this.#delete.hidden = !mayWrite;
    setDisabled(this.#delete, !selected.some(isDeletable));
    this.#delete.title = isDisabledNow(this.#delete) ? "Jobs that run or wait are cancelled first" : "";
  }

  /**
   * @param {import("../../components/icon.js").IconName} name
   * @param {string} label
   * @param {() => void} act
   */
  #button(name, label, act) {
    return h("button", { type: "button", class: "button", on: { click: act } }, icon(name), label);
  }

  #actions() {
    return Object.values(ACTIONS).map((action) => {
      const able = this.selected.filter(action.isPossible);
      const label = able.length === this.selected.length ? action.label : `${action.label} (${able.length})`;
      return { label, disabled: able.length === 0, act: () => this.#do(able, action) };
    });
  }

  /**
   * @param {JobRecord[]} able
   * @param {JobAction} action
   */
  async #do(able, action) {
    if (action === ACTIONS.cancel) {
      const title = `Cancel ${counted(able.length, "job")}?`;
      if (!(await ask({ title, body: namesOf(able), confirm: "Cancel them", danger: true }))) return;
    }
    await this.#forEach(able, action.done, async (job) => jobs.put(await action.run(job)));
  }

  async #editTags() {
    const { selected } = this;
    const before = tagsOf(selected);
    const editor = make(TagEditor, { tags: before, suggestions: tagsOf(jobs.all) });
    const title = `Tags of ${counted(selected.length, "job")}`;
    const hint = "A tag that you add is given to all of them, one that you take out is taken from all.";
    const body = [editor, selected.length > 1 && h("p", { class: "muted small" }, hint)];
    if (!(await ask({ title, body, confirm: "Save tags" }))) return;
    const added = editor.tags.filter((tag) => !before.includes(tag));
    const gone = before.filter((tag) => !editor.tags.includes(tag));
    if (added.length + gone.length === 0) return;
    await this.#forEach(selected, "tagged", async (job) => {
      const tags = [...job.tags.filter((tag) => !gone.includes(tag)), ...added.filter((tag) => !job.tags.includes(tag))];
      jobs.put(await changeJob(job, { tags }));
    });
  }

  /** @param {boolean} archived */
  async #setArchived(archived) {
    const selected = this.selected.filter((job) => job.archived !== archived);
    const back = () => this.#forEach(selected, archived ? "taken out of the archive" : "archived", (job) => archive(job, !archived));
    await this.#forEach(selected, archived ? "archived" : "taken out of the archive", (job) => archive(job, archived), back);
  }

  async #confirmDelete() {
    const able = this.selected.filter(isDeletable);
    const kept = this.selected.length - able.length;
    const body = [
      h("p", {}, "With their losses, samples and checkpoints, for good."),
      namesOf(able),
      kept > 0 && h("p", { class: "muted" }, `${counted(kept, "job")} that run or wait stay: cancel them first.`),
    ];
    const title = `Delete ${counted(able.length, "job")}?`;
    if (!(await ask({ title, body, confirm: "Delete for good", danger: true }))) return;
    await this.#forEach(able, "deleted", async (job) => {
      await deleteJob(job);
      jobs.drop(job.id);
    });
  }

  /**
   * Do it with each, and say how it went: one that fails keeps none of the others from it.
   * @param {JobRecord[]} able
   * @param {string} done
   * @param {(job: JobRecord) => Promise<void>} act
   * @param {() => void} [undo]
   */
  async #forEach(able, done, act, undo) {
    let count = 0;
    for (const job of able) {
      try {
        await act(job);
        count += 1;
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
        toastError(nameOf(job), error);
      }
    }
    if (count > 0) toast(`${counted(count, "job")} ${done}`, undo && { action: { label: "Undo", act: undo } });
    this.emit("clear");
  }
}
customElements.define("selection-bar", SelectionBar);

/**
 * @param {JobRecord} job
 * @param {boolean} archived
 */
async function archive(job, archived) {
  jobs.put(await changeJob(job, { archived }));
}

/** @param {JobRecord[]} selected */
function namesOf(selected) {
  return h("ul", {}, ...selected.map((job) => h("li", {}, nameOf(job))));
}
