import { fill, h } from "../dom/h.js";

/** @typedef {{value: string, label: string}} Choice */
/** @typedef {{label: string, choices: readonly Choice[]}} ChoiceGroup */

/** @type {WeakMap<HTMLSelectElement, string>} What each has. */
const filled = new WeakMap();

/**
 * Give a select its options, anew only if they are others: an open list would close. Groups without choices are left out.
 * @param {HTMLSelectElement} select
 * @param {readonly (Choice | ChoiceGroup)[]} choices
 * @param {string} chosen
 */
export function setChoices(select, choices, chosen) {
  const state = JSON.stringify(choices);
  if (filled.get(select) !== state) {
    filled.set(select, state);
    fill(select, ...choices.map((each) => ("choices" in each ? each.choices.length > 0 && h("optgroup", { label: each.label }, ...each.choices.map(option)) : option(each))));
  }
  select.value = chosen;
}

/**
 * What of the choices is chosen: the same one as before as long as it is there, else the first.
 * @param {HTMLSelectElement} select
 * @param {readonly Choice[]} choices
 */
export function stillChosen(select, choices) {
  return choices.some(({ value }) => value === select.value) ? select.value : (choices[0]?.value ?? "");
}

/** @param {Choice} choice */
function option({ value, label }) {
  return h("option", { value }, label);
}
