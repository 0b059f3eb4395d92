import { Component } from "../dom/component.js";
import { stylesheet } from "../dom/stylesheet.js";
import { fill, h } from "../dom/h.js";
import { probability, probabilityText, shade, spoken } from "../format/tokens.js";
import { placeBeside } from "./beside.js";
import { tokenCard } from "./token_card.js";

await stylesheet(import.meta.url, "token_text.css");

/**
 * A token, what the model thought of it, and what it would rather have written.
 * @typedef {object} ShownToken
 * @property {string} text
 * @property {number | null} nats  its surprise: minus the logarithm of its probability. Null: there is none
 * @property {number | null} rank  1: nothing was likelier
 * @property {Alternative[]} [alternatives]  the likeliest tokens at its place
 */
/** @typedef {{text: string, nats: number | null, isUsable: boolean}} Alternative  usable: text can go on from it */

/** As long a pointer may be on its way from a token to its card. */
const LEAVES_MS = 250;

/**
 * A text as the tokens that it consists of, each shaded by how surprising it is. Pointed at, or focused (arrows go from
 * token to token), one shows a card with its probability, its rank and the likeliest tokens at its place; ArrowDown
 * leads into the card.
 *
 * Events: `choose` (`{index, alternative}`: both numbers), if `isChoosable`.
 */
export class TokenText extends Component {
  label = "Tokens";
  /** Text before the first token. */
  lead = "";
  /** @type {readonly ShownToken[]} */
  tokens = [];
  /** Whether an alternative can be chosen. */
  isChoosable = false;

  #lead = h("span", { class: "token-lead" });
  #tokens = h("span", { class: "token-list" });
  #card = h("div", { class: "token-card", popover: "manual", role: "group" });
  /** @type {ShownToken[]} Those that have an element. */
  #shown = [];
  /** @type {number | null} The token whose card is shown. */
  #open = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;

  build() {
    this.setAttribute("role", "group");
    this.append(this.#lead, this.#tokens, this.#card);
    this.#tokens.addEventListener("pointerover", (event) => this.#show(this.#indexOf(event.target)));
    this.#tokens.addEventListener("focusin", (event) => this.#show(this.#indexOf(event.target)));
    this.#tokens.addEventListener("click", (event) => /** @type {HTMLElement} */ (event.target).focus());
    this.addEventListener("pointerleave", () => this.#leave());
    this.#card.addEventListener("pointerenter", () => clearTimeout(this.#leaving));
    this.#card.addEventListener("pointerleave", () => this.#leave());
    this.#tokens.addEventListener("pointerout", () => this.#leave());
    this.addEventListener("focusout", (event) => {
      if (!this.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#hide();
    });
    this.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    // The card stands where its token stood.
    globalThis.addEventListener("scroll", () => this.#hide(), { signal, capture: true, passive: true });
    globalThis.addEventListener("resize", () => this.#hide(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#leaving));
  }

  render() {
    this.setAttribute("aria-label", this.label);
    fill(this.#lead, this.lead);
    const { tokens } = this;
    for (const [index, token] of tokens.entries()) {
      if (this.#shown[index] === token) continue;
      const element = tokenElement(token);
      const before = this.#tokens.children[index];
      if (before === undefined) this.#tokens.append(element);
      else before.replaceWith(element);
      if (this.#open === index) this.#hide();
    }
    while (this.#tokens.children.length > tokens.length) this.#tokens.lastElementChild?.remove();
    this.#shown = [...tokens];
    if (this.#open !== null && this.#open >= tokens.length) this.#hide();
    if (this.#tokens.querySelector('[tabindex="0"]') === null) this.#tokens.firstElementChild?.setAttribute("tabindex", "0");
  }

  /** @param {EventTarget | null} target */
  #indexOf(target) {
    const token = target instanceof Element ? target.closest(".token") : null;
    return token === null ? null : [...this.#tokens.children].indexOf(token);
  }

  /** @param {number | null} index */
  #show(index) {
    clearTimeout(this.#leaving);
    const token = index === null ? undefined : this.tokens[index];
    const element = index === null ? undefined : this.#tokens.children[index];
    if (index === null || token === undefined || element === undefined || index === this.#open) return;
    this.#hide();
    this.#open = index;
    element.classList.add("open");
    const choose = (/** @type {number} */ alternative) => this.emit("choose", { index, alternative });
    fill(this.#card, ...tokenCard(token, this.isChoosable ? choose : null));
    this.#card.setAttribute("aria-label", `The token ${spoken(token.text)}`);
    this.#card.showPopover();
    placeBeside(this.#card, element.getClientRects()[0] ?? element.getBoundingClientRect());
  }

  #hide() {
    clearTimeout(this.#leaving);
    if (this.#open === null) return;
    this.#tokens.children[this.#open]?.classList.remove("open");
    this.#open = null;
    if (this.#card.matches(":popover-open")) this.#card.hidePopover();
  }

  #leave() {
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => {
      if (!this.contains(document.activeElement)) this.#hide();
    }, LEAVES_MS);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const choices = [...this.#card.querySelectorAll("button")].filter(({ disabled }) => !disabled);
    const at = choices.findIndex((choice) => choice === document.activeElement);
    const index = this.#indexOf(event.target);
    const last = this.tokens.length - 1;
    const to = index === null ? undefined : { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape" && this.#open !== null) {
      if (at >= 0) this.#focus(this.#open);
      else this.#hide();
    } else if (to !== undefined) {
      this.#focus(Math.max(0, Math.min(to, last)));
    } else if (index !== null && (event.key === "ArrowDown" || event.key === "Enter" || event.key === " ")) {
      this.#show(index);
      choices[0]?.focus();
    } else if (at >= 0 && event.key === "ArrowDown") {
      choices[Math.min(at + 1, choices.length - 1)]?.focus();
    } else if (at >= 0 && event.key === "ArrowUp") {
      if (at > 0) choices[at - 1]?.focus();
      else if (this.#open !== null) this.#focus(this.#open);
    } else return;
    event.preventDefault();
  }

  /** @param {number} index */
  #focus(index) {
    for (const element of this.#tokens.querySelectorAll('[tabindex="0"]')) element.setAttribute("tabindex", "-1");
    const token = this.#tokens.children[index];
    token?.setAttribute("tabindex", "0");
    if (token instanceof HTMLElement) token.focus();
  }
}
customElements.define("token-text", TokenText);

/** @param {ShownToken} token */
function tokenElement({ text, nats, rank }) {
  const chance = nats === null ? "" : `, ${probabilityText(probability(nats))}, rank ${rank}`;
  return h(
    "span",
    { class: text === "" ? "token partial" : "token", role: "button", tabindex: -1, "aria-label": `${spoken(text)}${chance}`, vars: { "--shade": shade(nats).toFixed(3) } },
    // A line break is as wide as a sign for it, and then breaks the line.
    text === "" ? "▫" : text.replaceAll("\n", "↵\n"),
  );
}

/** What the shades mean. */
export function tokenLegend() {
  return h(
    "p",
    { class: "token-legend small muted" },
    h("span", {}, "certain"),
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].map((value) => h("span", { class: "token-legend-step", vars: { "--shade": value } })),
    h("span", {}, "surprising"),
  );
}
