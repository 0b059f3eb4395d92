import { copyText } from "../../components/clipboard.js";
import { DataTable } from "../../components/data_table.js";
import { ask } from "../../components/dialog.js";
import { icon } from "../../components/icon.js";
import { MenuButton } from "../../components/menu_button.js";
import { emptyState } from "../../components/states.js";
import { timeSince } from "../../components/time_since.js";
import { toast, toastError } from "../../components/toast.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { bytes, decimal, integer } from "../../format/numbers.js";
import { RequestFailed } from "../../http/problem.js";
import { remove, urlOf } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { isPlace } from "../../page/router.js";
import { session } from "../../page/services.js";

/** @import { CheckpointRecord, JobRecord } from "../../types/records.d.ts" */
/** @import { Column } from "../../components/data_table.js" */
/** @import { MenuItem } from "../../components/menu_button.js" */

/** The checkpoints that are kept, and what can be done with each. Events: `fork` (its step), `pin` (the step of its row). */
export class CheckpointsPanel extends Component {
  /** @type {JobRecord | null} */
  job = null;
  /** @type {readonly CheckpointRecord[]} */
  checkpoints = [];

  /** @type {DataTable<CheckpointRecord>} */
  #table = make(/** @type {new () => DataTable<CheckpointRecord>} */ (DataTable), {
    label: "Checkpoints",
    keyOf: (checkpoint) => checkpoint.id,
    nameOf: (checkpoint) => `checkpoint ${checkpoint.step}`,
    columns: this.#columns(),
    sort: { column: "step", isDescending: true },
  });
  #command = h("code", {});
  #hint = h("div", { class: "panel-body small muted" });
  #empty = emptyState("No checkpoint yet", h("p", { class: "muted" }, "One is written as often as the spec says, when the job ends, and when you ask for one."));

  build() {
    this.append(this.#table, this.#hint, this.#empty);
    this.#table.addEventListener("sort", (event) => {
      this.#table.sort = /** @type {CustomEvent} */ (event).detail;
      this.#table.changed();
    });
    this.#hint.append(
      "From a terminal: ",
      this.#command,
      " makes a folder that ",
      h("code", {}, "transformers"),
      " loads with ",
      h("code", {}, "GPT2LMHeadModel.from_pretrained"),
      ".",
    );
  }

  render() {
    const isEmpty = this.checkpoints.length === 0;
    this.#empty.hidden = !isEmpty;
    this.#table.hidden = this.#hint.hidden = isEmpty;
    fill(this.#command, `pretrain export ${this.job?.id} --format hf --to FOLDER`);
    this.#table.rows = this.checkpoints;
    this.#table.changed();
  }

  /** @returns {Column<CheckpointRecord>[]} */
  #columns() {
    return [
      {
        id: "step",
        label: "Step",
        isHeading: true,
        isNumeric: true,
        sortBy: ({ step }) => step,
        explanation: "Updates done: one more than the step of the evaluation before it",
        state: ({ step }) => step,
        show: ({ step }) =>
          h("button", { type: "button", class: "link", title: "Show this place on the curves", on: { click: () => this.emit("pin", step - 1) } }, integer(step)),
      },
      { id: "kind", label: "Kept as", state: ({ kind }) => kind, show: ({ kind }) => kind.map((name) => h("span", { class: "tag" }, h("span", {}, name))) },
      { id: "epoch", label: "Epoch", isNumeric: true, state: ({ epoch }) => epoch, show: ({ epoch }) => epoch },
      { id: "train", label: "Training loss", isNumeric: true, sortBy: (row) => row.train_loss, state: (row) => row.train_loss, show: (row) => decimal(row.train_loss) },
      { id: "val", label: "Validation loss", isNumeric: true, sortBy: (row) => row.val_loss, state: (row) => row.val_loss, show: (row) => decimal(row.val_loss) },
      { id: "bytes", label: "Size", isNumeric: true, state: (row) => row.bytes, show: (row) => bytes(row.bytes) },
      {
        id: "age",
        label: "Written",
        state: ({ created_at: at }) => at,
        show: ({ created_at: at }) => timeSince(at),
      },
      { id: "do", label: "Actions", isUnlabelled: true, state: () => "", show: (row) => this.#buttons(row) },
    ];
  }

  /** @param {CheckpointRecord} checkpoint */
  #buttons(checkpoint) {
    const { step } = checkpoint;
    return h(
      "div",
      { class: "row checkpoint-actions" },
      isPlace("/playground") && h("a", { class: "button", href: hrefOf("/playground", { job: this.job?.id, checkpoint: step }) }, icon("ask"), "Ask"),
      make(MenuButton, { label: `More for checkpoint ${step}`, icon: "more", items: () => this.#items(checkpoint) }),
    );
  }

  /**
   * @param {CheckpointRecord} checkpoint
   * @returns {MenuItem[]}
   */
  #items({ step, sha256 }) {
    const path = `jobs/${this.job?.id}/checkpoints/${step}`;
    const download = (/** @type {string} */ format) => () => location.assign(urlOf(`${path}/download`, { format }));
    /** @type {MenuItem[]} */
    const items = [
      { label: "Download safetensors", icon: "download", act: download("safetensors") },
      { label: "Download for transformers (zip)", icon: "download", act: download("hf") },
      { label: "Copy its SHA-256", icon: "copy", act: () => copyText(sha256, "The SHA-256 of its weights") },
    ];
    if (!session.may("write")) return items;
    return [
      { label: "Fork from here", icon: "fork", act: () => this.emit("fork", step) },
      ...items,
      { label: "Delete", icon: "delete", danger: true, act: () => this.#delete(step, path) },
    ];
  }

  /**
   * @param {number} step
   * @param {string} path
   */
  async #delete(step, path) {
    const body = h("p", {}, "Its weights can't be asked, forked or downloaded any more. The losses stay.");
    if (!(await ask({ title: `Delete checkpoint ${integer(step)}?`, body, confirm: "Delete it", danger: true }))) return;
    try {
      await remove(path);
      toast(`Checkpoint ${integer(step)} was deleted.`);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError(`Checkpoint ${integer(step)} stays`, error);
    }
  }
}
customElements.define("checkpoints-panel", CheckpointsPanel);
