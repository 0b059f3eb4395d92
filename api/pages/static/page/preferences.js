/**
 * What a person has chosen, kept by this browser: columns, theme, smoothing. Nothing secret, nothing that a link
 * should carry.
 */
const PREFIX = "pretrain.";
/** @type {Map<string, string>} For a browser that keeps nothing, such as one whose person forbids it. */
const unkept = new Map();

/**
 * @template T
 * @param {string} name
 * @param {T} fallback  without a choice, or where what is kept is none
 * @param {(value: unknown) => value is T} isValid
 * @returns {T}
 */
export function preference(name, fallback, isValid) {
  const text = read(name);
  if (text === null) return fallback;
  try {
    const value = JSON.parse(text);
    return isValid(value) ? value : fallback;
  } catch (error) {
    if (error instanceof SyntaxError) return fallback; // written by another version
    throw error;
  }
}

/**
 * @param {string} name
 * @param {unknown} value  null forgets the choice
 */
export function prefer(name, value) {
  unkept.delete(name);
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // denied or full: it holds until the page is closed
    unkept.set(name, JSON.stringify(value));
  }
}

/**
 * @param {string} name
 * @returns {string | null}
 */
function read(name) {
  const here = unkept.get(name);
  if (here !== undefined) return here;
  try {
    return localStorage.getItem(PREFIX + name);
  } catch (error) {
    if (error instanceof DOMException) return null; // denied
    throw error;
  }
}

/**
 * @param {unknown} value
 * @returns {value is string[]}
 */
export function isListOfStrings(value) {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

/**
 * @template {string} T
 * @param {readonly T[]} allowed
 * @returns {(value: unknown) => value is T}
 */
export function isOneOf(allowed) {
  return /** @type {(value: unknown) => value is T} */ ((value) => allowed.includes(/** @type {T} */ (value)));
}
