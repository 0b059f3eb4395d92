import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";

/** @import { Child } from "../dom/h.js" */

await stylesheet(import.meta.url, "field.css");

let count = 0;

/**
 * A control with its label, an explanation, and what is wrong with it, all of which screen readers read with it.
 * @template {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} C
 * @param {string} label
 * @param {C} control  gets the class of its kind, and an id
 * @param {{hint?: Child, isRequired?: boolean}} [options]
 * @returns {{element: HTMLElement, control: C, setError: (message: string | null) => void}}
 */
export function field(label, control, { hint, isRequired = false } = {}) {
  const id = control.id || `field-${(count += 1)}`;
  control.id = id;
  control.classList.add({ SELECT: "select", TEXTAREA: "textarea" }[control.tagName] ?? "input");
  control.required = isRequired;
  const error = h("p", { class: "field-error", id: `${id}-error` });
  const described = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  control.setAttribute("aria-describedby", described);
  const element = h(
    "div",
    { class: "field" },
    h("label", { class: "label", for: id }, label),
    control,
    error,
    hint && h("p", { class: "field-hint", id: `${id}-hint` }, hint),
  );
  return {
    element,
    control,
    setError(message) {
      control.setAttribute("aria-invalid", String(message !== null));
      fill(error, message);
    },
  };
}
