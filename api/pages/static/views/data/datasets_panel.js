import { DataTable } from "../../components/data_table.js";
import { ask } from "../../components/dialog.js";
import { field } from "../../components/field.js";
import { icon } from "../../components/icon.js";
import { MenuButton } from "../../components/menu_button.js";
import { errorState, loadingState } from "../../components/states.js";
import { toast, toastError } from "../../components/toast.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { NOTHING, bytes, compact, counted, integer } from "../../format/numbers.js";
import { Problem, RequestFailed, inWords } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { hrefOf } from "../../page/location.js";
import { isPlace, navigate } from "../../page/router.js";
import { jobs, session } from "../../page/services.js";
import { statusOf } from "./dataset_status.js";
import { removeAfterAsking } from "./remove_dialog.js";
import { Uploads, areDocuments } from "./uploads.js";

/** @import { Column } from "../../components/data_table.js" */
/** @import { DatasetRecord } from "../../types/records.d.ts" */
/** @import { Listing } from "../../records/listing.js" */

/** The texts there are, and how others come. Events: `open` (the id of what somebody goes to), `show` (of what has come), `reload`. */
export class DatasetsPanel extends Component {
  /** @type {Listing<DatasetRecord> | null} */
  listing = null;
  chosen = "";

  #field = h("input", { class: "input", value: "text", "aria-label": "Field of a line that has the text", size: 8 });
  #uploads = make(Uploads, {
    path: "datasets",
    label: "Choose files",
    accept: ".txt,.md,.ndjson,.jsonl,text/plain",
    hint: "Plain text in UTF-8, or .ndjson and .jsonl with one document a line.",
    query: (file) => ({ text_field: file && areDocuments(file) ? this.#field.value.trim() || undefined : undefined }),
  });
  /** @type {DataTable<DatasetRecord>} */
  #table = make(/** @type {new () => DataTable<DatasetRecord>} */ (DataTable), {
    label: "Data sets",
    keyOf: ({ id }) => id,
    nameOf: ({ name }) => name,
    columns: this.#columns(),
  });
  #instead = h("div", {});
  #add = h(
    "div",
    { class: "stack" },
    this.#uploads,
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "button", on: { click: () => this.#paste() } }, icon("edit"), "Paste a text"),
      h("label", { class: "row small muted data-field" }, "In .ndjson and .jsonl, the field that has the text", this.#field),
    ),
  );

  build() {
    this.className = "stack data-panel";
    this.append(this.#add, this.#instead, this.#table);
    // Whoever does something else while a file is sent stays there.
    this.#uploads.addEventListener("sent", (event) => this.#added(/** @type {CustomEvent} */ (event).detail, "show"));
  }

  render() {
    const { listing } = this;
    if (listing === null) return;
    this.#add.hidden = !session.may("write");
    this.#table.hidden = listing.items.length === 0;
    this.#table.rows = listing.items;
    this.#table.version += 1;
    this.#table.changed();
    fill(this.#instead, listing.state === "loading" ? loadingState("Loading data sets") : listing.state === "failed" && errorState(listing.error, () => this.emit("reload")));
  }

  /** @returns {Column<DatasetRecord>[]} */
  #columns() {
    return [
      {
        id: "name",
        label: "Name",
        isHeading: true,
        sortBy: ({ name }) => name,
        state: ({ id, name, shared }) => [id, name, shared, this.chosen === id],
        show: ({ id, name, shared, builtin }) => [
          h("button", { type: "button", class: "link data-name", "aria-current": id === this.chosen ? "true" : null, on: { click: () => this.emit("open", id) } }, name),
          h("div", { class: "small muted data-kind" }, builtin ? "built in" : shared ? "shared with all" : id),
        ],
      },
      {
        id: "status",
        label: "Status",
        state: (row) => [statusOf(row), row.error],
        show: (row) => (row.error === null ? statusOf(row) : h("span", { title: row.error }, statusOf(row))),
      },
      { id: "characters", label: "Characters", isNumeric: true, sortBy: (row) => row.characters, state: (row) => row.characters, show: (row) => compact(row.characters) },
      { id: "documents", label: "Documents", isNumeric: true, sortBy: (row) => row.documents, state: (row) => row.documents, show: (row) => (row.documents ? integer(row.documents) : NOTHING) },
      { id: "tokens", label: "GPT-2 tokens", isNumeric: true, sortBy: (row) => row.tokens, state: (row) => row.tokens, show: (row) => compact(row.tokens) },
      { id: "bytes", label: "Size", isNumeric: true, sortBy: (row) => row.bytes, state: (row) => row.bytes, show: (row) => bytes(row.bytes) },
      { id: "jobs", label: "Jobs", isNumeric: true, state: ({ id }) => jobsOf(id), show: ({ id }) => jobsOf(id) || NOTHING },
      { id: "do", label: "Actions", isUnlabelled: true, state: ({ shared }) => shared, show: (row) => make(MenuButton, { icon: "more", label: `Actions of ${row.name}`, items: () => this.#items(row) }) },
    ];
  }

  /**
   * @param {DatasetRecord} dataset
   * @returns {import("../../components/menu_button.js").MenuItem[]}
   */
  #items(dataset) {
    const { id, shared, builtin, owner } = dataset;
    const mayChange = session.may("write") && !builtin;
    const used = jobsOf(id);
    const why = used > 0 ? `${counted(used, "job")} of yours ${used === 1 ? "needs" : "need"} it: the service will refuse.` : "Its text goes too, for good.";
    return [
      { label: "Look at it", icon: "search", act: () => this.emit("open", id) },
      ...(isPlace("/new") && session.may("write") ? [/** @type {const} */ ({ label: "Train on it", icon: "add", act: () => navigate("/new", { dataset: id }) })] : []),
      ...(mayChange && owner !== null ? [{ label: shared ? "Stop sharing it" : "Share it with all", act: () => this.#share(dataset) }] : []),
      ...(mayChange
        ? [
            /** @type {const} */ ({
              label: "Delete",
              icon: "delete",
              danger: true,
              act: async () => {
                if (await removeAfterAsking("datasets", dataset, why)) this.emit("reload");
              },
            }),
          ]
        : []),
    ];
  }

  /** @param {DatasetRecord} dataset */
  async #share({ id, name, shared }) {
    try {
      await post(`datasets/${encodeURIComponent(id)}/${shared ? "unshare" : "share"}`);
      toast(shared ? `${name} is no longer shared.` : `${name} is shared with all.`);
      this.emit("reload");
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError(`${name} could not be ${shared ? "taken back" : "shared"}`, error);
    }
  }

  async #paste() {
    const name = field("Name", h("input", { autocomplete: "off" }), { isRequired: true });
    const text = field("Text", h("textarea", { rows: 10 }), { isRequired: true });
    const act = async () => {
      try {
        this.#added(await post("datasets", { json: { name: name.control.value, text: text.control.value } }), "open");
        return true;
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
        const byField = error instanceof Problem ? error.byField : new Map();
        name.setError(byField.get("name") ?? null);
        text.setError(byField.get("text") ?? (byField.has("name") ? null : inWords(error)));
        return false;
      }
    };
    await ask({ title: "Paste a text", body: [name.element, text.element], confirm: "Add it", act });
  }

  /**
   * @param {DatasetRecord} record
   * @param {"open" | "show"} event
   */
  #added(record, event) {
    this.emit("reload");
    this.emit(event, record.id);
  }

  /** @param {string} id  of a data set, whose name gets the focus */
  goTo(id) {
    /** @type {HTMLElement | null} */ (this.#table.querySelector(`[data-key="${CSS.escape(id)}"] .data-name`))?.focus();
  }
}
customElements.define("datasets-panel", DatasetsPanel);

/** @param {string} id  of a data set: how many jobs need it */
function jobsOf(id) {
  return jobs.all.filter(({ spec }) => spec.dataset === id || spec.validation_dataset === id).length;
}

/** @param {string} id */
export function jobLinksOf(id) {
  return jobs.all
    .filter(({ spec }) => spec.dataset === id || spec.validation_dataset === id)
    .slice(0, 12)
    .map((job) => h("a", { class: "tag", href: hrefOf(`/jobs/${job.id}`) }, h("span", {}, job.name ?? job.id)));
}
