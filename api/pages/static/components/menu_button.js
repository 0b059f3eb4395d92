import { Component } from "../dom/component.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";
import { icon } from "./icon.js";

/** @import { IconName } from "./icon.js" */
/** @import { Child } from "../dom/h.js" */

await stylesheet(import.meta.url, "menu_button.css");

/**
 * An entry of a menu. `checked`, if it is given, makes it one that is on or off.
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {() => void} act
 * @property {IconName} [icon]
 * @property {boolean} [checked]
 * @property {boolean} [disabled]
 * @property {boolean} [danger]
 * @property {boolean} [stays]  whether the menu stays open, as one of check marks does
 */

let count = 0;

/** A button that opens a menu (ARIA's menu button): arrows, Home, End and first letters move, Escape closes. */
export class MenuButton extends Component {
  /** What the button shows; its accessible name where that is a picture alone. */
  label = "";
  /** @type {IconName | null} */
  icon = null;
  /** @type {() => MenuItem[]} Asked whenever the menu opens. */
  items = () => [];
  /** Above the entries. */
  heading = "";

  #button = h("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false" });
  #menu = h("div", { role: "menu", class: "menu", popover: "auto" });

  build() {
    this.#menu.id = `menu-${(count += 1)}`;
    this.#button.className = this.icon !== null ? "button quiet" : "button";
    this.#button.setAttribute("aria-controls", this.#menu.id);
    this.append(this.#button, this.#menu);
    this.#button.addEventListener("click", () => this.#menu.togglePopover());
    this.#button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      this.#menu.showPopover();
      this.#focus(event.key === "ArrowDown" ? 0 : -1);
    });
    this.#menu.addEventListener("toggle", (event) => {
      const isOpen = /** @type {ToggleEvent} */ (event).newState === "open";
      this.#button.setAttribute("aria-expanded", String(isOpen));
    });
    this.#menu.addEventListener("beforetoggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState !== "open") return;
      this.#showItems();
      this.#place();
    });
    this.#menu.addEventListener("keydown", (event) => this.#move(event));
    // A table's rows, in which menus are, have arrow keys of their own.
    this.addEventListener("keydown", (event) => event.defaultPrevented && event.stopPropagation());
  }

  render() {
    if (this.icon !== null) {
      fill(this.#button, icon(this.icon));
      this.#button.classList.add("icon");
      this.#button.setAttribute("aria-label", this.label);
      this.#button.title = this.label;
    } else {
      fill(this.#button, this.label, icon("down"));
    }
    this.#menu.setAttribute("aria-label", this.heading || this.label);
  }

  #showItems() {
    const items = this.items().map((item) => this.#entry(item));
    fill(this.#menu, this.heading && h("div", { class: "menu-heading" }, this.heading), ...items);
    queueMicrotask(() => this.#focus(0));
  }

  /** @param {MenuItem} item */
  #entry(item) {
    const isCheck = item.checked !== undefined;
    const act = () => {
      if (!item.stays) this.#menu.hidePopover();
      item.act();
      if (!item.stays) return;
      const index = this.#entries.indexOf(entry);
      this.#showItems();
      queueMicrotask(() => this.#focus(index));
    };
    const entry = h(
      "button",
      {
        type: "button",
        role: isCheck ? "menuitemcheckbox" : "menuitem",
        "aria-checked": isCheck ? String(item.checked) : null,
        tabindex: -1,
        disabled: item.disabled,
        class: item.danger ? "menu-item danger" : "menu-item",
        on: { click: act },
      },
      isCheck ? h("span", { class: "menu-check" }, item.checked && icon("check")) : item.icon && icon(item.icon),
      item.label,
    );
    return entry;
  }

  /** @returns {HTMLButtonElement[]} */
  get #entries() {
    return [...this.#menu.querySelectorAll("button")].filter((entry) => !entry.disabled);
  }

  /** @param {number} index  from the end if it is negative */
  #focus(index) {
    this.#entries.at(index)?.focus();
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const entries = this.#entries;
    const at = entries.findIndex((entry) => entry === document.activeElement);
    if (event.key === "ArrowDown") this.#focus((at + 1) % entries.length);
    else if (event.key === "ArrowUp") this.#focus((at - 1 + entries.length) % entries.length);
    else if (event.key === "Home") this.#focus(0);
    else if (event.key === "End") this.#focus(-1);
    else if (event.key === "Tab") return this.#menu.hidePopover();
    else if (/^\S$/.test(event.key)) {
      const letter = event.key.toLowerCase();
      const later = [...entries.slice(at + 1), ...entries.slice(0, at + 1)];
      later.find((entry) => entry.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
    } else return;
    event.preventDefault();
  }

  /** Below the button, or above it where there is more room; not beyond the window's edge. */
  #place() {
    const { top, bottom, right, left } = this.#button.getBoundingClientRect();
    const { style } = this.#menu;
    const below = innerHeight - bottom;
    const isBelow = below >= Math.min(top, 320);
    style.setProperty("top", isBelow ? `${bottom + 4}px` : "auto");
    style.setProperty("bottom", isBelow ? "auto" : `${innerHeight - top + 4}px`);
    style.setProperty("max-height", `${Math.max(160, (isBelow ? below : top) - 16)}px`);
    const isRight = left + right > innerWidth;
    style.setProperty("left", isRight ? "auto" : `${Math.max(8, left)}px`);
    style.setProperty("right", isRight ? `${Math.max(8, innerWidth - right)}px` : "auto");
  }
}
customElements.define("menu-button", MenuButton);
