import { Component } from "../dom/component.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";

await stylesheet(import.meta.url, "tabs.css");

/** @typedef {{id: string, label: string, count?: number | null, panel: Element}} Tab */

let number = 0;

/** Panels of which one is shown (ARIA's tabs): arrows, Home and End go from tab to tab. Events: `choose` (its id). */
export class TabPanels extends Component {
  label = "";
  /** @type {Tab[]} */
  tabs = [];
  chosen = "";

  #prefix = `tabs-${(number += 1)}`;
  #list = h("div", { role: "tablist", class: "tabs" });
  #panels = h("div", {});

  build() {
    this.#list.setAttribute("aria-label", this.label);
    this.append(this.#list, this.#panels);
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    fill(
      this.#list,
      ...this.tabs.map(({ id, label }) =>
        h(
          "button",
          { type: "button", role: "tab", id: `${this.#prefix}-${id}`, class: "tab", "aria-controls": `${this.#prefix}-${id}-panel`, data: { tab: id }, on: { click: () => this.emit("choose", id) } },
          label,
          h("span", { class: "tab-count number" }),
        ),
      ),
    );
    fill(
      this.#panels,
      ...this.tabs.map(({ id, panel }) =>
        h("div", { role: "tabpanel", id: `${this.#prefix}-${id}-panel`, "aria-labelledby": `${this.#prefix}-${id}`, tabindex: 0, class: "tab-panel" }, panel),
      ),
    );
  }

  render() {
    for (const [index, { id, count }] of this.tabs.entries()) {
      const tab = /** @type {HTMLElement} */ (this.#list.children[index]);
      const isChosen = id === this.chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      fill(/** @type {Element} */ (tab.lastElementChild), count ? String(count) : "");
      /** @type {HTMLElement} */ (this.#panels.children[index]).hidden = !isChosen;
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const count = this.tabs.length;
    const at = this.tabs.findIndex(({ id }) => id === this.chosen);
    const to = { ArrowRight: (at + 1) % count, ArrowLeft: (at - 1 + count) % count, Home: 0, End: count - 1 }[event.key];
    const tab = to === undefined ? undefined : this.tabs[to];
    if (to === undefined || tab === undefined) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (this.#list.children[to]).focus();
    this.emit("choose", tab.id);
  }
}
customElements.define("tab-panels", TabPanels);
