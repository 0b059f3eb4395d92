import { setChoices } from "../components/choices.js";
import { h } from "../dom/h.js";
import { AXIS_NAMES, SMOOTHINGS } from "./curve_settings.js";

/** @import { CurveSettings } from "./curve_settings.js" */

const AXIS_LABELS = { step: "Steps", epoch: "Epochs", tokens: "Tokens seen", time: "Training time" };

/** Over which x curves are drawn, how smooth, and on which scale. */
export class CurveControls {
  /** What stands in a toolbar. */
  elements;
  #x = h("select", { class: "select", "aria-label": "Curves over" });
  #smoothing = h("select", { class: "select", "aria-label": "Smoothing" });
  #logY = h("button", { type: "button", class: "button", title: "Logarithmic losses" }, "Log scale");
  #isLogY = false;

  /** @param {(changes: Partial<CurveSettings>) => void} change */
  constructor(change) {
    this.elements = [this.#x, this.#smoothing, this.#logY];
    this.#x.addEventListener("change", () => change({ x: /** @type {CurveSettings["x"]} */ (this.#x.value), from: null, to: null, follows: false }));
    this.#smoothing.addEventListener("change", () => change({ smoothing: Number(this.#smoothing.value) }));
    this.#logY.addEventListener("click", () => change({ isLogY: !this.#isLogY }));
  }

  /**
   * @param {CurveSettings} settings
   * @param {number} smoothing  by which they are smoothed now
   * @param {boolean} [canSmooth]
   */
  show({ x, isLogY }, smoothing, canSmooth = true) {
    setChoices(this.#x, AXIS_NAMES.map((value) => ({ value, label: AXIS_LABELS[value] })), x);
    const smoothings = SMOOTHINGS.map((weight) => ({ value: String(weight), label: weight === 0 ? "Not smoothed" : `Smoothed by ${weight}` }));
    setChoices(this.#smoothing, smoothings, String(SMOOTHINGS.find((weight) => weight >= smoothing) ?? 0));
    this.#smoothing.disabled = !canSmooth;
    this.#isLogY = isLogY;
    this.#logY.setAttribute("aria-pressed", String(isLogY));
  }
}
