import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";
import { setDisabled } from "./disabled.js";
import { icon } from "./icon.js";

/** @import { Children } from "../dom/h.js" */

await stylesheet(import.meta.url, "dialog.css");

const FIELDS = "input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea";

/**
 * Ask in a modal dialog. Escape, the cross and a click beside it mean no; Enter in a field means yes.
 * @param {object} options
 * @param {string} options.title
 * @param {Children} options.body
 * @param {string} options.confirm  what the button says that means yes: what will happen, not "OK"
 * @param {string} [options.decline]  what the button says that means no
 * @param {boolean} [options.danger]  it can't be undone: the way back has the focus, if there is no field
 * @param {() => Promise<boolean>} [options.act]  done before it closes; it stays open, and says why, where this is false
 * @returns {Promise<boolean>}
 */
export function ask({ title, body, confirm, danger = false, decline = danger ? "Keep as it is" : "Not now", act }) {
  const no = h("button", { type: "button", class: "button", on: { click: () => dialog.close("no") } }, decline);
  const yes = h("button", { class: danger ? "button danger" : "button primary", value: "yes" }, confirm);
  const cross = h(
    "button",
    { type: "button", class: "button quiet icon dialog-close", "aria-label": "Close", on: { click: () => dialog.close("no") } },
    icon("close"),
  );
  const heading = h("h2", { id: "dialog-title" }, title);
  const content = h("div", { class: "stack" }, ...[body].flat());
  const form = h(
    "form",
    { method: "dialog", class: "stack" },
    h("div", { class: "dialog-head" }, heading, cross),
    content,
    h("div", { class: "row dialog-actions" }, no, yes),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close("no");
  });
  if (act !== undefined) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      setDisabled(yes, true);
      try {
        if (await act()) dialog.close("yes");
      } finally {
        setDisabled(yes, false);
      }
    });
  }
  document.body.append(dialog);
  dialog.showModal();
  // The browser would choose the cross, which comes first.
  /** @type {HTMLElement} */ (content.querySelector(FIELDS) ?? (danger ? no : yes)).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
