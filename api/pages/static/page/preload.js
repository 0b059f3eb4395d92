import { currentMatch } from "./router.js";

/**
 * Asks at once for all that the view needs which the link names. A browser would learn of one module from another, and of a
 * stylesheet from the module that is run. What there is to ask for is in the document (`api/pages/files.py`); where it is not,
 * the view loads all the same, later.
 */
function preload() {
  /** @type {Record<string, string[]>} By the path of the route. */
  const views = JSON.parse(document.querySelector("#views")?.textContent ?? "{}");
  for (const name of views[currentMatch().route?.path ?? ""] ?? []) {
    const link = document.createElement("link");
    if (name.endsWith(".css")) {
      link.rel = "preload";
      link.as = "style";
    } else {
      link.rel = "modulepreload";
    }
    link.href = new URL(`../${name}`, import.meta.url).href;
    document.head.append(link);
  }
}

preload();
