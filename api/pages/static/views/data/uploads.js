import { icon } from "../../components/icon.js";
import { toast } from "../../components/toast.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { percent } from "../../format/numbers.js";
import { RequestFailed, inWords, isAborted } from "../../http/problem.js";
import { upload } from "../../http/upload.js";

/** A place to drop files, or choose them, and how far each upload is. Events: `sent` (the record). */
export class Uploads extends Component {
  path = "";
  label = "Upload";
  hint = "";
  accept = "";
  /** Whether all the files are one upload. */
  isOne = false;
  /** @type {(file: File | undefined) => Record<string, string | undefined>} */
  query = () => ({});

  #input = h("input", { type: "file", class: "unseen", tabindex: -1, "aria-hidden": "true" });
  #list = h("ul", { role: "list", class: "upload-list", "aria-label": "Uploads" });

  build() {
    const choose = h("button", { type: "button", class: "button", on: { click: () => this.#input.click() } }, icon("upload"), this.label);
    this.#input.multiple = true;
    if (this.accept) this.#input.accept = this.accept;
    this.#input.setAttribute("aria-label", this.label);
    const zone = h("div", { class: "drop-zone" }, h("p", {}, h("strong", {}, "Drop files here"), " or "), choose, this.#input, h("p", { class: "small muted" }, this.hint));
    this.append(zone, this.#list);
    this.#input.addEventListener("change", () => {
      this.#take([...(this.#input.files ?? [])]);
      this.#input.value = "";
    });
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.#take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {File[]} files */
  #take(files) {
    if (files.length === 0) return;
    if (this.isOne) this.#send(files);
    else for (const file of files) this.#send([file]);
  }

  /** @param {File[]} files */
  async #send(files) {
    const cancelling = new AbortController();
    const name = files.map((file) => file.name).join(", ");
    const bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` });
    const state = h("span", { class: "small muted number", role: "status" }, "0 %");
    const button = h("button", { type: "button", class: "button quiet", on: { click: () => cancelling.abort() } }, "Cancel");
    const row = h("li", { class: "upload" }, h("span", { class: "upload-name" }, name), bar, state, button);
    this.#list.append(row);
    const body = new FormData();
    for (const file of files) body.append("file", areDocuments(file) ? new File([file], file.name, { type: "application/x-ndjson" }) : file);
    const onProgress = (/** @type {number} */ fraction) => {
      bar.value = fraction;
      fill(state, fraction < 1 ? percent(fraction) : "sent, being read …");
    };
    try {
      const record = await upload(this.path, { query: this.query(files[0]), body, onProgress, signal: AbortSignal.any([cancelling.signal, this.signal]) });
      row.remove();
      toast([`${record.name ?? name} is here.`, ...(record.notices ?? [])].join(" "));
      this.emit("sent", record);
    } catch (error) {
      if (isAborted(error)) return row.remove();
      if (!(error instanceof RequestFailed)) throw error;
      bar.remove();
      row.classList.add("failed");
      fill(state, inWords(error));
      fill(button, "Close");
      button.addEventListener("click", () => row.remove());
    }
  }
}
customElements.define("file-uploads", Uploads);

/** @param {File} file  whether each of its lines is a document */
export function areDocuments({ name }) {
  return /\.(ndjson|jsonl)$/i.test(name);
}
