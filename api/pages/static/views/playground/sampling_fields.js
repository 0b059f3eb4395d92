import { field } from "../../components/field.js";
import { tooltip } from "../../components/tooltip.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { isDrawn } from "./settings.js";

/** @import { Settings } from "./settings.js" */

/** @typedef {"temperature" | "top_k" | "top_p" | "seed" | "max_new_tokens" | "stop"} Name */
/** @typedef {ReturnType<typeof field<HTMLInputElement | HTMLTextAreaElement>>} AnyField */

/** How tokens are drawn. Events: `settings` (the `Settings` that were changed). */
export class SamplingFields extends Component {
  /** @type {Settings | null} */
  settings = null;

  #slider = h("input", { type: "range", min: 0, max: 2, step: 0.05, class: "sampling-slider", "aria-label": "Temperature, as a slider" });
  /** @type {Record<Name, AnyField>} */
  #fields = {
    temperature: field("Temperature", number({ min: 0, step: 0.05 })),
    top_k: field("Top-k", number({ min: 1, step: 1, placeholder: "all" })),
    top_p: field("Top-p", number({ min: 0, max: 1, step: 0.05, placeholder: "all" })),
    seed: field("Seed", number({ min: 0, step: 1, placeholder: "any" })),
    max_new_tokens: field("Tokens, at most", number({ min: 1, step: 1 })),
    stop: field("Stop before", h("textarea", { rows: 2, class: "sampling-stop" }), { hint: "One a line; \\n is a line break." }),
  };
  #note = h("p", { class: "small muted" });

  build() {
    const { temperature, top_k: topK, top_p: topP, seed, max_new_tokens: most, stop } = this.#fields;
    const help = tooltip(
      "About sampling",
      h(
        "dl",
        { class: "sampling-help" },
        ...[
          ["Temperature", "0 takes the likeliest token. Above it a token is drawn; the higher, the more often an unlikely one."],
          ["Top-k", "Draws among the k likeliest tokens only."],
          ["Top-p", "Draws among the fewest likeliest tokens whose probabilities reach this sum."],
          ["Seed", "The same seed draws the same tokens again."],
        ].flatMap(([term, meaning]) => [h("dt", {}, term), h("dd", {}, meaning)]),
      ),
    );
    this.append(
      h("div", { class: "row" }, h("h2", {}, "Sampling"), help),
      h("div", { class: "sampling-temperature" }, temperature.element, this.#slider),
      h("div", { class: "sampling-pair" }, topK.element, topP.element),
      h("div", { class: "sampling-pair" }, seed.element, most.element),
      this.#note,
      stop.element,
    );
    this.className = "stack";
    this.addEventListener("change", () => this.emit("settings", this.values));
    this.#slider.addEventListener("input", () => {
      temperature.control.value = this.#slider.value;
      this.#renderNote();
    });
    temperature.control.addEventListener("input", () => {
      this.#slider.value = temperature.control.value;
      this.#renderNote();
    });
  }

  /** What stands in the fields. */
  get values() {
    return /** @type {Pick<Settings, Name>} */ (Object.fromEntries(Object.entries(this.#fields).map(([name, { control }]) => [name, control.value])));
  }

  /** @param {ReadonlyMap<string, string>} messages  what is wrong, by field */
  showErrors(messages) {
    for (const [name, { setError }] of Object.entries(this.#fields)) setError(messages.get(name) ?? null);
  }

  render() {
    const { settings } = this;
    if (settings === null) return;
    for (const [name, { control }] of Object.entries(this.#fields)) {
      if (document.activeElement !== control) control.value = settings[/** @type {Name} */ (name)];
    }
    this.#slider.value = this.#fields.temperature.control.value || "0";
    this.#renderNote();
  }

  #renderNote() {
    const isGreedy = this.settings !== null && !isDrawn({ ...this.settings, ...this.values });
    fill(this.#note, isGreedy ? "At temperature 0 nothing is drawn: top-k, top-p and the seed change nothing." : "");
    this.#note.hidden = !isGreedy;
  }
}
customElements.define("sampling-fields", SamplingFields);

/** @param {import("../../dom/h.js").Props} props */
function number(props) {
  return h("input", { type: "number", inputmode: "decimal", autocomplete: "off", ...props });
}
