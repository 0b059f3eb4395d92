/** What keys on a plot mean. */

/**
 * @typedef {{does: "step", count: number} | {does: "zoom", factor: number} | {does: "first" | "last" | "escape" | "reset" | "pick"}} KeyAction
 */

const MANY = 10;
const ZOOM = 0.7;

/**
 * @param {Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">} event
 * @returns {KeyAction | null} null of keys that are the browser's
 */
export function actionOf({ key, shiftKey, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey) return null;
  switch (key) {
    case "ArrowLeft":
      return { does: "step", count: shiftKey ? -MANY : -1 };
    case "ArrowRight":
      return { does: "step", count: shiftKey ? MANY : 1 };
    case "PageUp":
      return { does: "step", count: -MANY };
    case "PageDown":
      return { does: "step", count: MANY };
    case "Home":
      return { does: "first" };
    case "End":
      return { does: "last" };
    case "+":
    case "=":
      return { does: "zoom", factor: ZOOM };
    case "-":
      return { does: "zoom", factor: 1 / ZOOM };
    case "0":
      return { does: "reset" };
    case "Enter":
      return { does: "pick" };
    case "Escape":
      return { does: "escape" };
    default:
      return null;
  }
}
