import { toast } from "./toast.js";

/**
 * @param {string} text
 * @param {string} what  "The id"
 */
export async function copyText(text, what) {
  try {
    // Browsers have a clipboard for pages of this machine and of https alone.
    await navigator.clipboard.writeText(text);
    toast(`${what} is on the clipboard.`);
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    toast(`${what} could not be copied: ${text}`, { stays: true });
  }
}
