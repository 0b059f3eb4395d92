import { hrefOf, matchPath, parsePlace } from "./location.js";
import { routes } from "./routes.js";

/** @import { Place, Query } from "./location.js" */
/** @import { Route } from "./routes.js" */

/** @typedef {Place & {route: Route | null, params: Record<string, string>}} Match */

const navigated = new EventTarget();

/** Where one is, and the route that leads there; its route is null where nothing is. */
export function currentMatch() {
  return matchOf(parsePlace(location.hash));
}

/**
 * @param {Place} place
 * @returns {Match}
 */
function matchOf(place) {
  for (const route of routes) {
    const params = matchPath(route.path, place.path);
    if (params !== null) return { ...place, route, params };
  }
  return { ...place, route: null, params: {} };
}

/**
 * Whether a view is there: a link to one that is not should not be shown.
 * @param {string} path
 */
export function isPlace(path) {
  return matchOf({ path, query: new URLSearchParams() }).route !== null;
}

/**
 * Go to a place. Links do it by themselves: `h("a", {href: hrefOf("/jobs")})`.
 * @param {string} path
 * @param {Query | URLSearchParams} [query]
 * @param {{replace?: boolean}} [options]  replace: without a step back in the browser's history
 */
export function navigate(path, query = {}, { replace = false } = {}) {
  const href = hrefOf(path, query);
  if (href === hrefOf(parsePlace(location.hash).path, parsePlace(location.hash).query)) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  navigated.dispatchEvent(new Event("navigated"));
}

/**
 * Change some of the query where one is, and leave the rest: null and false take one out.
 * @param {Query} changes
 * @param {{replace?: boolean}} [options]
 */
export function setQuery(changes, { replace = true } = {}) {
  const { path, query } = parsePlace(location.hash);
  navigate(path, { ...Object.fromEntries(query), ...changes }, { replace });
}

/**
 * @param {() => void} listener  called after each change of the place, also by the browser's buttons
 * @param {AbortSignal} signal
 */
export function onNavigated(listener, signal) {
  navigated.addEventListener("navigated", listener, { signal });
  globalThis.addEventListener("hashchange", listener, { signal });
  globalThis.addEventListener("popstate", listener, { signal });
}
