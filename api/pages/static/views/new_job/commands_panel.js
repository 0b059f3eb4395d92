import { copyText } from "../../components/clipboard.js";
import { icon } from "../../components/icon.js";
import { TabPanels } from "../../components/tabs.js";
import { Component } from "../../dom/component.js";
import { fill, h, make } from "../../dom/h.js";
import { urlOf } from "../../http/request.js";
import { asCurl, asJson, asSubmit } from "./as_commands.js";

/** The same job as JSON, for curl, and for the command line. */
export class CommandsPanel extends Component {
  /** @type {Record<string, any>} */
  body = {};
  needsToken = false;

  #parts = [part("json", "JSON", "The JSON"), part("curl", "curl", "The curl line"), part("submit", "pretrain submit", "The command")];
  #tabs = make(TabPanels, { label: "The same job from elsewhere", tabs: this.#parts.map(({ id, label, panel }) => ({ id, label, panel })), chosen: "json" });

  build() {
    this.append(this.#tabs);
    this.#tabs.addEventListener("choose", (event) => {
      this.#tabs.chosen = /** @type {CustomEvent} */ (event).detail;
      this.#tabs.changed();
    });
  }

  render() {
    const service = urlOf("").href.replace(/\/$/, "");
    const texts = [asJson(this.body), asCurl(this.body, urlOf("jobs").href, this.needsToken), asSubmit(this.body, service)];
    for (const [index, { code }] of this.#parts.entries()) fill(code, texts[index] ?? "");
  }
}
customElements.define("commands-panel", CommandsPanel);

/**
 * @param {string} id
 * @param {string} label
 * @param {string} what  "The curl line"
 */
function part(id, label, what) {
  const code = h("code", {});
  const copy = h("button", { type: "button", class: "button", on: { click: () => copyText(code.textContent ?? "", what) } }, icon("copy"), "Copy");
  copy.setAttribute("aria-label", `Copy ${what.charAt(0).toLowerCase()}${what.slice(1)}`);
  return { id, label, code, panel: h("div", { class: "commands-part" }, h("pre", { tabindex: 0, "aria-label": what }, code), copy) };
}
