import { stylesheet } from "../dom/stylesheet.js";
import { h } from "../dom/h.js";

/** @import { Child } from "../dom/h.js" */

await stylesheet(import.meta.url, "tooltip.css");

/**
 * A question mark that explains: by click, key and touch, not by hovering alone, and closed by Escape.
 * @param {string} about  what is explained: "About the learning rate"
 * @param {...Child} explanation
 */
export function tooltip(about, ...explanation) {
  const panel = h("div", { popover: "auto", class: "tooltip", role: "note" }, ...explanation);
  const show = () => {
    panel.togglePopover();
    const { bottom, left } = button.getBoundingClientRect();
    panel.style.setProperty("top", `${bottom + 6}px`);
    panel.style.setProperty("left", `${Math.max(8, Math.min(left, innerWidth - panel.offsetWidth - 8))}px`);
  };
  const button = h("button", { type: "button", class: "tooltip-button", "aria-label": about, "aria-expanded": "false", on: { click: show } }, "?");
  panel.addEventListener("toggle", (event) => button.setAttribute("aria-expanded", String(/** @type {ToggleEvent} */ (event).newState === "open")));
  return h("span", { class: "tooltip-place" }, button, panel);
}
