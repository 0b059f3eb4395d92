/**
 * Where one is on the page: `#/jobs/ID?x=tokens`. Behind `#`, so that no view's path can be one of the service's, any
 * proxy's prefix works, and the page is one document. All of a view's state that is worth a link is in the query.
 * @typedef {{path: string, query: URLSearchParams}} Place
 */

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * @param {string} hash  `location.hash`
 * @returns {Place}
 */
export function parsePlace(hash) {
  const [, path = "", query = ""] = /^#?\/?([^?]*)\??(.*)$/s.exec(hash) ?? [];
  return { path: `/${path.replace(/\/+$/, "")}`, query: new URLSearchParams(query) };
}

/**
 * The link to a place. Values of the query that are null, undefined, false or empty are left out.
 * @param {string} path  with a slash at its start
 * @param {Query | URLSearchParams} [query]
 * @returns {string}
 */
export function hrefOf(path, query = {}) {
  const given = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const kept = given.filter(([, value]) => value != null && value !== false && value !== "");
  // Commas separate ids, and are easier to read as they are.
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `#${path}${text ? `?${text.replaceAll("%2C", ",")}` : ""}`;
}

/**
 * The variable parts of a path that fits a pattern.
 * @param {string} pattern  `/jobs/:id`
 * @param {string} path
 * @returns {Record<string, string> | null}
 */
export function matchPath(pattern, path) {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  if (wanted.length !== parts.length) return null;
  /** @type {Record<string, string>} */
  const found = {};
  for (const [index, name] of wanted.entries()) {
    const part = decoded(parts[index] ?? "");
    if (name.startsWith(":") && part) found[name.slice(1)] = part;
    else if (name !== part) return null;
  }
  return found;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part; // "100%" in a link that a person wrote
    throw error;
  }
}
