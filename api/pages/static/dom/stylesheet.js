/** @type {Map<string, Promise<void>>} */
const loading = new Map();

/**
 * A module's own stylesheet: `await stylesheet(import.meta.url, "jobs.css")` at its top, so that nothing of it is
 * shown without its style. The same one is loaded once.
 * @param {string} moduleUrl
 * @param {string} name  relative to the module
 * @returns {Promise<void>}
 */
export function stylesheet(moduleUrl, name) {
  const { href } = new URL(name, moduleUrl);
  const known = loading.get(href);
  if (known !== undefined) return known;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  const loaded = new Promise((resolve, reject) => {
    link.addEventListener("load", () => resolve(undefined));
    link.addEventListener("error", () => {
      loading.delete(href);
      link.remove();
      reject(new TypeError(`the stylesheet ${name} could not be loaded`));
    });
  });
  document.head.append(link);
  loading.set(href, loaded);
  return loaded;
}
