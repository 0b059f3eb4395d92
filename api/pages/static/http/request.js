import { Problem, Unreachable, isAborted } from "./problem.js";

/**
 * The service's root, found by where this file is: the page works below any path at which a proxy has the service.
 */
const ROOT = new URL(import.meta.url.slice(0, import.meta.url.lastIndexOf("/static/") + 1));

/** @typedef {string | number | boolean | null | undefined} QueryValue */
/**
 * @typedef {object} Options
 * @property {Record<string, QueryValue | QueryValue[]>} [query]  null and undefined are left out, lists repeated
 * @property {unknown} [json]  the body
 * @property {BodyInit} [body]  another one
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/** Told of every 401: the session has ended, or there is none. */
export const unauthorised = new EventTarget();

/**
 * The URL of a path of the service.
 * @param {string} path  without a slash at its start: `jobs/ID`
 * @param {Options["query"]} [query]
 * @returns {URL}
 */
export function urlOf(path, query = {}) {
  const url = new URL(path, ROOT);
  for (const [name, given] of Object.entries(query)) {
    for (const value of [given].flat()) if (value != null) url.searchParams.append(name, String(value));
  }
  return url;
}

/**
 * The response to a request that succeeded.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Response>}
 * @throws {Problem} if the service says what is wrong
 * @throws {Unreachable} if it could not be asked
 * @throws {DOMException} AbortError if the signal was aborted
 */
export async function request(method, path, { query, json, body, headers = {}, signal } = {}) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(urlOf(path, query), {
      method,
      headers: {
        Accept: "application/json",
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        // Says that a page of this service asks: no other origin's could send it (`api/http/session_cookie.py`).
        ...(method === "GET" ? {} : { "X-Requested-With": "pretrain" }),
        ...headers,
      },
      body: json === undefined ? body : JSON.stringify(json),
      signal,
    });
  } catch (error) {
    throw isAborted(error) ? error : new Unreachable(error);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/**
 * The JSON that the service answers with.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function get(path, options) {
  return (await request("GET", path, options)).json();
}

/**
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function post(path, options) {
  return (await request("POST", path, options)).json();
}

/**
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function patch(path, options) {
  return (await request("PATCH", path, options)).json();
}

/**
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<void>}
 */
export async function remove(path, options) {
  await request("DELETE", path, options);
}

/**
 * Every entry of a list, page after page.
 * @param {string} path
 * @param {Options} [options]
 * @returns {AsyncGenerator<any[]>} the pages
 */
export async function* pages(path, options = {}) {
  let after = null;
  do {
    /** @type {{data: {id: string}[], has_more: boolean}} */
    const page = await get(path, { ...options, query: { ...options.query, after } });
    yield page.data;
    after = page.has_more ? (page.data.at(-1)?.id ?? null) : null;
  } while (after !== null);
}

/**
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
export async function problemOf(response) {
  let document = {};
  if (response.headers.get("Content-Type")?.includes("json")) {
    try {
      document = await response.json();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error; // cut short: the status says enough
    }
  }
  const problem = new Problem(response.status, document, response.headers);
  if (response.status === 401) unauthorised.dispatchEvent(new CustomEvent("unauthorised", { detail: problem }));
  return problem;
}
