import { TabPanels } from "../../components/tabs.js";
import { h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { jobs } from "../../page/services.js";
import { View } from "../../page/view.js";
import { Listing } from "../../records/listing.js";
import { onShownChange } from "../../records/shown_jobs.js";
import { isHere } from "./dataset_status.js";
import { DatasetsPanel } from "./datasets_panel.js";
import { ModelsPanel } from "./models_panel.js";
import { PreviewPanel } from "./preview_panel.js";
import { TokenizersPanel } from "./tokenizers_panel.js";

/** @import { DatasetRecord, ImportedModelRecord, TokenizerRecord } from "../../types/records.d.ts" */

await stylesheet(import.meta.url, "data.css");

const TABS = ["datasets", "tokenizers", "models"];

/** What models learn from: texts, tokenizers, and models from outside. What is looked at is in the link. */
export default class DataView extends View {
  /** @type {Listing<DatasetRecord>} */
  #datasets = new Listing("datasets");
  /** @type {Listing<TokenizerRecord>} */
  #tokenizers = new Listing("tokenizers");
  /** @type {Listing<ImportedModelRecord>} */
  #models = new Listing("models");
  #datasetsPanel = make(DatasetsPanel, { listing: this.#datasets });
  #preview = make(PreviewPanel);
  #tokenizersPanel = make(TokenizersPanel, { listing: this.#tokenizers });
  #modelsPanel = make(ModelsPanel, { listing: this.#models });
  #tabs = make(TabPanels, {
    label: "Kinds of data",
    tabs: [
      { id: "datasets", label: "Data sets", panel: h("div", { class: "stack" }, this.#datasetsPanel, this.#preview) },
      { id: "tokenizers", label: "Tokenizers", panel: this.#tokenizersPanel },
      { id: "models", label: "Models", panel: this.#modelsPanel },
    ],
  });

  build() {
    this.className = "view";
    this.append(h("div", { class: "view-head" }, h("h1", { tabindex: -1 }, "Data")), this.#tabs);
    this.#tabs.addEventListener("choose", (event) => this.setQuery({ tab: /** @type {CustomEvent} */ (event).detail }));
    this.#datasetsPanel.addEventListener("show", (event) => this.#show(/** @type {CustomEvent} */ (event).detail));
    this.#datasetsPanel.addEventListener("open", (event) => {
      this.#show(/** @type {CustomEvent} */ (event).detail);
      this.#preview.goThere();
    });
    this.#preview.addEventListener("look", (event) => this.setQuery(/** @type {CustomEvent} */ (event).detail));
    this.#preview.addEventListener("close", () => {
      this.#datasetsPanel.goTo(this.query.get("dataset") ?? "");
      this.#show(null);
    });
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    for (const [listing, panel] of /** @type {const} */ ([[this.#datasets, this.#datasetsPanel], [this.#tokenizers, this.#tokenizersPanel], [this.#models, this.#modelsPanel]])) {
      listing.addEventListener("change", () => this.changed(), { signal });
      panel.addEventListener("reload", () => listing.load(), { signal });
      listing.open(signal);
    }
    onShownChange(jobs, () => jobs.all.map(({ id, name, spec }) => [id, name, spec.dataset, spec.validation_dataset]), () => this.changed(), signal);
  }

  /** @param {string | null} dataset  its id */
  #show(dataset) {
    this.setQuery({ dataset, at: null });
  }

  render() {
    const tab = TABS.find((each) => each === this.query.get("tab")) ?? "datasets";
    this.#tabs.chosen = tab;
    const counts = [this.#datasets.items.length, this.#tokenizers.items.length, this.#models.items.length];
    this.#tabs.tabs = this.#tabs.tabs.map((each, index) => ({ ...each, count: counts[index] }));
    this.#datasetsPanel.chosen = this.query.get("dataset") ?? "";
    const dataset = this.#datasets.items.find(({ id }) => id === this.query.get("dataset")) ?? null;
    this.#preview.hidden = dataset === null;
    this.#preview.record = dataset;
    this.#preview.tokenizers = this.#tokenizers.items;
    this.#preview.tokenizer = this.query.get("tokenizer") ?? "gpt2";
    this.#preview.at = Math.max(0, Number(this.query.get("at") ?? 0) || 0);
    const ratio = Number(this.query.get("ratio") ?? 0.9);
    this.#preview.ratio = ratio > 0 && ratio <= 1 ? ratio : 0.9;
    this.#tokenizersPanel.isShown = tab === "tokenizers";
    this.#tokenizersPanel.datasets = this.#datasets.items.filter((each) => each.status === "ready" && isHere(each));
    for (const element of [this.#tabs, this.#datasetsPanel, this.#preview, this.#tokenizersPanel, this.#modelsPanel]) element.changed();
  }
}
customElements.define("data-view", DataView);
