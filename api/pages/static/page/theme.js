import { isOneOf, prefer, preference } from "./preferences.js";

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {readonly Theme[]} */
export const THEMES = ["system", "light", "dark"];

/** @returns {Theme} */
export function currentTheme() {
  return preference("theme", "system", isOneOf(THEMES));
}

/** @param {Theme} theme */
export function chooseTheme(theme) {
  prefer("theme", theme === "system" ? null : theme);
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}
