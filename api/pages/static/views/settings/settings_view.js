import { TabPanels } from "../../components/tabs.js";
import { h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { session } from "../../page/services.js";
import { View } from "../../page/view.js";
import { DiskPanel } from "./disk_panel.js";
import { ServicePanel } from "./service_panel.js";
import { TokensPanel } from "./tokens_panel.js";
import { WebhooksPanel } from "./webhooks_panel.js";

await stylesheet(import.meta.url, "settings.css");

/** The service itself: workers and limits, the disk, and for administrators tokens and webhooks. */
export default class SettingsView extends View {
  #panels = [
    { id: "service", label: "Workers and limits", panel: make(ServicePanel), isForAdmins: false },
    { id: "disk", label: "Disk", panel: make(DiskPanel), isForAdmins: false },
    { id: "tokens", label: "Tokens", panel: make(TokensPanel), isForAdmins: true },
    { id: "webhooks", label: "Webhooks", panel: make(WebhooksPanel), isForAdmins: true },
  ].filter(({ isForAdmins }) => !isForAdmins || session.may("admin"));
  #tabs = make(TabPanels, { label: "Settings", tabs: this.#panels });

  build() {
    this.className = "view settings-view";
    this.append(h("div", { class: "view-head" }, h("h1", {}, "Settings")), h("div", { class: "panel" }, this.#tabs));
    this.#tabs.addEventListener("choose", (event) => this.setQuery({ tab: /** @type {CustomEvent} */ (event).detail }));
  }

  render() {
    const tab = this.query.get("tab");
    const chosen = this.#panels.find(({ id }) => id === tab)?.id ?? "service";
    this.#tabs.chosen = chosen;
    this.#tabs.render();
    for (const { id, panel } of this.#panels) panel.isShown = id === chosen;
  }
}
customElements.define("settings-view", SettingsView);
