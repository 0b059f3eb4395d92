/** What a person has asked for, as it is in the fields and in the link. */

/** @import { GenerateRequest } from "../../types/records.d.ts" */

export const MODES = /** @type {const} */ (["generate", "time", "score"]);
/** @typedef {typeof MODES[number]} Mode */

/**
 * Numbers are what stands in their fields: the service says what is wrong with them.
 * @typedef {object} Settings
 * @property {Mode} mode
 * @property {string} prompt
 * @property {string} given  what follows the prompt by a person's choice among alternatives
 * @property {string} text  to be scored
 * @property {string} temperature
 * @property {string} top_k
 * @property {string} top_p
 * @property {string} seed
 * @property {string} max_new_tokens
 * @property {string} stop  one a line
 */

/** @type {Readonly<Settings>} */
export const DEFAULTS = {
  mode: "generate",
  prompt: "Every effort moves you",
  given: "",
  text: "Every effort moves you forward, and every step is learned from the text before it.",
  temperature: "0",
  top_k: "",
  top_p: "",
  seed: "123",
  max_new_tokens: "50",
  stop: "",
};

const NAMES = /** @type {(keyof Settings)[]} */ (Object.keys(DEFAULTS));

/** Of each token so many of the likeliest are asked for. */
export const ALTERNATIVES = 8;

/**
 * @param {URLSearchParams} query
 * @returns {Settings}
 */
export function settingsOf(query) {
  const settings = /** @type {Record<string, string>} */ ({ ...DEFAULTS });
  for (const name of NAMES) settings[name] = query.get(name) ?? emptyIn(query, name) ?? DEFAULTS[name];
  const mode = MODES.find((each) => each === settings.mode) ?? DEFAULTS.mode;
  return { .../** @type {any} */ (settings), mode };
}

/**
 * The part of a link's query that has them. What is as at first is left out; what was emptied is named in `empty`.
 * @param {Settings} settings
 * @returns {Record<string, string | null>}
 */
export function queryOf(settings) {
  const changed = NAMES.filter((name) => settings[name] !== DEFAULTS[name]);
  const empty = changed.filter((name) => settings[name] === "");
  return { ...Object.fromEntries(NAMES.map((name) => [name, changed.includes(name) ? settings[name] : null])), empty: empty.join(",") || null };
}

/**
 * @param {URLSearchParams} query
 * @param {string} name
 */
function emptyIn(query, name) {
  return query.get("empty")?.split(",").includes(name) ? "" : undefined;
}

/**
 * What to ask the service for, but for whom.
 * @param {Settings} settings
 * @returns {Partial<GenerateRequest>}
 */
export function requestOf(settings) {
  return {
    prompt: settings.prompt + settings.given,
    temperature: numberIn(settings.temperature) ?? 0,
    top_k: numberIn(settings.top_k),
    top_p: numberIn(settings.top_p),
    seed: numberIn(settings.seed),
    max_new_tokens: numberIn(settings.max_new_tokens) ?? Number(DEFAULTS.max_new_tokens),
    stop: stopsIn(settings.stop),
    logprobs: ALTERNATIVES,
  };
}

/** @param {string} text */
function numberIn(text) {
  return text.trim() === "" ? null : Number(text);
}

/**
 * One a line, in which `\n` is a line break and `\t` a tab.
 * @param {string} lines
 */
export function stopsIn(lines) {
  /** @type {Record<string, string>} */
  const escapes = { n: "\n", t: "\t", "\\": "\\" };
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replaceAll(/\\([nt\\])/g, (_, letter) => escapes[letter] ?? ""));
}

/** @param {Settings} settings */
export function isDrawn(settings) {
  return numberIn(settings.temperature) !== 0;
}
