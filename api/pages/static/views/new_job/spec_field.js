import { setChoices } from "../../components/choices.js";
import { icon } from "../../components/icon.js";
import { markdown } from "../../components/markdown.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { rowsOf, textOf, valueOf, valueOfRows } from "./field_values.js";
import { fieldLabel } from "./labels.js";
import { RowsEditor } from "./rows_editor.js";
import { StartControl } from "./start_control.js";

/** @import { Choice } from "./start_control.js" */
/** @import { SpecField } from "./spec_fields.js" */

/** @type {Record<string, [add: string, columns: {label: string, placeholder?: string}[]]>} */
const ROWS = {
  "sampling.start_context": ["Add a prompt", [{ label: "" }]],
  alerts: ["Add an alert", [{ label: "when", placeholder: "val_loss > 7 for 3" }, { label: "what is done" }]],
  metadata: ["Add a label", [{ label: "name", placeholder: "team" }, { label: "value", placeholder: "blue" }]],
};

/**
 * A field of the spec: what it is called and means, its control, what is wrong with it, and the way back to the
 * preset. Events: `value` ({value}; undefined: the preset's again).
 */
export class SpecFieldRow extends Component {
  /** @type {SpecField} */
  field = { path: "", name: "", kind: "text", text: "", range: "", choices: [], isNullable: false, usual: null, columns: [] };
  /** @type {unknown} */
  value = null;
  /** @type {unknown} What the preset has. */
  presetValue = null;
  isChanged = false;
  /** @type {string | null} */
  error = null;
  /** @type {Choice[] | null} What there is to choose from, where that is a matter of what is stored. */
  options = null;
  /** @type {{jobs: Choice[], models: Choice[]}} */
  sources = { jobs: [], models: [] };
  /** @type {string | null} Link to where there can be more of them, and what it says. */
  moreHref = null;
  moreLabel = "";

  #error = h("p", { class: "field-error" });
  #preset = h("span", {});
  #reset = h("button", { type: "button", class: "button quiet icon spec-reset", on: { click: () => this.#set(undefined) } }, icon("undo"));
  /** @type {HTMLElement} */
  #control = h("span");

  /** Have the field ready to be filled in. */
  focusControl() {
    /** @type {HTMLElement | null} */ (this.matches("input, select, textarea") ? this : this.querySelector(".spec-control :is(input, select, textarea)"))?.focus();
  }

  build() {
    const { field } = this;
    const id = `spec-${field.path.replaceAll(".", "-")}`;
    const label = fieldLabel(field.path);
    this.#error.id = `${id}-error`;
    const described = `${id}-text ${id}-error`;
    this.#control = this.#makeControl(id, label, described);
    this.#reset.setAttribute("aria-label", `${label} as the preset has it`);
    const isNative = this.#control.matches("input, select, textarea");
    const text = markdown(field.text);
    text.id = `${id}-text`;
    text.className = "spec-text";
    if (field.range !== "" || field.isNullable) text.append(h("p", { class: "spec-range" }, " ", rangeText(field, this.options === null)));
    this.append(
      h(
        "div",
        { class: "spec-about" },
        h("div", { class: "spec-label" }, h(isNative ? "label" : "span", { class: "label", for: isNative ? id : null }, label), h("code", { class: "spec-name" }, field.name), this.#preset),
        text,
      ),
      h("div", { class: "spec-control" }, h("div", { class: "spec-control-row" }, this.#control, this.#reset), this.#error, this.moreHref !== null && h("a", { class: "small", href: this.moreHref }, this.moreLabel)),
    );
    this.dataset.kind = field.kind;
  }

  render() {
    this.#show();
    this.classList.toggle("changed", this.isChanged);
    this.#reset.hidden = !this.isChanged;
    fill(this.#preset, this.isChanged && this.field.kind !== "rows" && this.field.kind !== "labels" ? `preset: ${inShort(this.field, this.presetValue)}` : "");
    this.#preset.className = this.isChanged ? "spec-preset" : "unseen";
    fill(this.#error, this.error);
    const target = this.#control.matches("input, select, textarea") ? this.#control : this.#control.querySelector("input, select, textarea");
    target?.setAttribute("aria-invalid", String(this.error !== null));
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {string} described
   * @returns {HTMLElement}
   */
  #makeControl(id, label, described) {
    const { field } = this;
    const [add = "Add", columns = []] = ROWS[field.path] ?? [];
    switch (field.kind) {
      case "switch":
        return h("input", { type: "checkbox", role: "switch", class: "switch", id, "aria-describedby": described, on: { change: (event) => this.#set(event.target.checked) } });
      case "choice":
        return this.#select(id, described, field.choices.map((value) => ({ value, label: value })));
      case "start": {
        const start = make(StartControl, { label, describedBy: described });
        start.addEventListener("start", (event) => this.#set(/** @type {CustomEvent} */ (event).detail ?? undefined));
        return start;
      }
      case "texts":
      case "labels":
      case "rows": {
        const shown = columns.map((column, index) => ({ choices: field.columns[index]?.choices ?? [], label: column.label, placeholder: column.placeholder }));
        const rows = make(RowsEditor, { label, addLabel: add, isLong: field.kind === "texts", columns: shown });
        rows.addEventListener("rows", (event) => this.#set(valueOfRows(field, /** @type {CustomEvent<string[][]>} */ (event).detail)));
        return rows;
      }
      default:
        if (this.options !== null) return this.#select(id, described, this.options);
        return h("input", {
          class: "input",
          id,
          spellcheck: "false",
          autocomplete: "off",
          inputmode: { integer: "numeric", number: "decimal" }[/** @type {string} */ (field.kind)] ?? null,
          placeholder: field.isNullable ? "none" : null,
          "aria-describedby": described,
          on: { input: (event) => this.#set(valueOf(field, event.target.value)), change: () => this.#show(true) },
        });
    }
  }

  /**
   * @param {string} id
   * @param {string} described
   * @param {readonly Choice[]} choices
   */
  #select(id, described, choices) {
    const select = h("select", { class: "select", id, "aria-describedby": described });
    select.addEventListener("change", () => this.#set(select.value === "" ? null : select.value));
    this.#fillSelect(select, choices);
    return select;
  }

  /**
   * @param {HTMLSelectElement} select
   * @param {readonly Choice[]} choices
   */
  #fillSelect(select, choices) {
    const value = String(this.value ?? "");
    const isKnown = value === "" || choices.some((choice) => choice.value === value);
    const all = [...(this.field.isNullable ? [{ value: "", label: "None" }] : []), ...choices, ...(isKnown ? [] : [{ value, label: value }])];
    setChoices(select, all, value);
  }

  /** @param {boolean} [isLeft]  whether the person has left the control, which then may say what it stands for */
  #show(isLeft = false) {
    const control = this.#control;
    if (control instanceof RowsEditor) {
      if (!control.contains(document.activeElement)) {
        control.rows = rowsOf(this.field, this.value);
        control.changed();
      }
    } else if (control instanceof StartControl) {
      Object.assign(control, this.sources, { value: this.value ?? null });
      control.changed();
    } else if (control instanceof HTMLSelectElement) {
      this.#fillSelect(control, this.options ?? this.field.choices.map((value) => ({ value, label: value })));
      control.value = String(this.value ?? "");
    } else if (control instanceof HTMLInputElement) {
      if (control.type === "checkbox") control.checked = this.value === true;
      else if (isLeft || document.activeElement !== control) control.value = textOf(this.field, this.value);
    }
  }

  /** @param {unknown} value */
  #set(value) {
    if (value === undefined && this.#control instanceof HTMLInputElement && document.activeElement !== this.#control) {
      this.#control.value = textOf(this.field, this.presetValue);
    }
    this.emit("value", { value }); // of an event alone, undefined would become null
  }
}
customElements.define("spec-field", SpecFieldRow);

/**
 * @param {SpecField} field
 * @param {boolean} isTyped
 */
function rangeText({ range, isNullable, kind }, isTyped) {
  const empty = isNullable && isTyped && ["integer", "number", "text"].includes(kind) ? "empty for none" : "";
  const words = [range, empty].filter(Boolean).join("; ");
  return words === "" ? "" : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/**
 * @param {SpecField} field
 * @param {unknown} value
 */
function inShort(field, value) {
  if (value === null || value === undefined) return "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "object" && field.kind !== "numbers") return JSON.stringify(value);
  return textOf(field, value);
}
