import { h } from "../dom/h.js";
import { decimal, integer } from "../format/numbers.js";
import { probability, probabilityText, spoken, visible } from "../format/tokens.js";

/** @import { ShownToken } from "./token_text.js" */

/**
 * What a model thought of a token, and what it would rather have written.
 * @param {ShownToken} token
 * @param {((alternative: number) => void) | null} choose  null: nothing can be chosen
 */
export function tokenCard({ text, nats, rank, alternatives = [] }, choose) {
  const first = nats === null;
  const isListed = alternatives.some((alternative) => alternative.text === text);
  return [
    h(
      "div",
      { class: "token-card-head" },
      h("code", { class: "token-name" }, visible(text)),
      !first && h("strong", { class: "number" }, probabilityText(probability(nats))),
    ),
    h("p", { class: "muted small number" }, first ? "The first token follows nothing." : `rank ${integer(rank)} · ${decimal(nats)} nats`),
    alternatives.length > 0 &&
      h(
        "ul",
        { role: "list", class: "token-alternatives", "aria-label": "The likeliest tokens here" },
        ...alternatives.map((alternative, index) => h("li", {}, row(alternative, alternative.text === text, choose && (() => choose(index))))),
      ),
    alternatives.length > 0 && !isListed && h("p", { class: "muted small" }, "The token itself is none of the likeliest: it was drawn."),
    choose !== null && alternatives.length > 0 && h("p", { class: "muted small" }, "Choose one to go on from there."),
  ];
}

/**
 * @param {import("./token_text.js").Alternative} alternative
 * @param {boolean} isChosen
 * @param {(() => void) | null} choose
 */
function row({ text, nats, isUsable }, isChosen, choose) {
  const chance = probability(nats);
  const content = [
    h("span", { class: "token-bar", vars: { "--part": chance ?? 0 } }),
    h("code", { class: "token-name" }, visible(text)),
    h("span", { class: "number" }, probabilityText(chance)),
  ];
  const shape = isChosen ? "token-alternative chosen" : "token-alternative";
  if (choose === null) return h("div", { class: shape }, ...content);
  return h(
    "button",
    {
      type: "button",
      class: shape,
      disabled: !isUsable || isChosen,
      title: isUsable ? undefined : "Only a part of a character: no text can go on from it",
      "aria-label": `${spoken(text)}, ${probabilityText(chance)}${isChosen ? ", the one that stands here" : ""}`,
      on: { click: choose },
    },
    ...content,
  );
}
