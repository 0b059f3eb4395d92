import { setDisabled } from "../../components/disabled.js";
import { markdown } from "../../components/markdown.js";
import { toast, toastError } from "../../components/toast.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { RequestFailed } from "../../http/problem.js";
import { jobs, session } from "../../page/services.js";
import { changeJob } from "../../records/job_actions.js";

/** @import { JobRecord } from "../../types/records.d.ts" */

const MAX_LENGTH = 20_000;

/** What a person has noted of the job, in Markdown. What is being written is kept from changes that come meanwhile. */
export class NotesPanel extends Component {
  /** @type {JobRecord | null} */
  job = null;

  #shown = h("div", { class: "stack" });
  #text = h("textarea", { class: "textarea", rows: 10, maxlength: MAX_LENGTH, "aria-label": "Notes, in Markdown" });
  #edit = h("button", { type: "button", class: "button", on: { click: () => this.#begin() } }, "Edit");
  #save = h("button", { class: "button primary" }, "Save notes");
  #form = h(
    "form",
    { class: "stack", hidden: true, on: { submit: (/** @type {SubmitEvent} */ event) => (event.preventDefault(), this.#store()) } },
    this.#text,
    h("div", { class: "row" }, this.#save, h("button", { type: "button", class: "button quiet", on: { click: () => this.#end() } }, "Leave as it was")),
  );
  /** @type {string | null} */
  #state = null;

  build() {
    this.className = "panel-body stack";
    this.append(this.#shown, h("div", { class: "row" }, this.#edit), this.#form);
  }

  render() {
    const notes = this.job?.notes ?? "";
    this.#edit.hidden = !this.#form.hidden || !session.may("write");
    if (this.#state === notes) return;
    this.#state = notes;
    fill(this.#edit, notes === "" ? "Write notes" : "Edit");
    fill(this.#shown, notes === "" ? h("p", { class: "muted" }, "No notes yet. What did you want to find out with this job?") : markdown(notes));
  }

  #begin() {
    this.#text.value = this.job?.notes ?? "";
    this.#shown.hidden = true;
    this.#form.hidden = false;
    this.render();
    this.#text.focus();
  }

  #end() {
    this.#shown.hidden = false;
    this.#form.hidden = true;
    this.render();
    this.#edit.focus();
  }

  async #store() {
    const { job } = this;
    if (job === null) return;
    setDisabled(this.#save, true);
    try {
      const changed = await changeJob(job, { notes: this.#text.value.trim() || null });
      this.job = changed;
      jobs.put(changed);
      toast("The notes are saved.");
      this.#end();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError("The notes could not be saved", error);
    } finally {
      setDisabled(this.#save, false);
    }
  }
}
customElements.define("notes-panel", NotesPanel);
