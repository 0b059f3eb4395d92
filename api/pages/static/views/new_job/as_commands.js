/** The same request in other ways: what the form would send, for scripts and terminals. */

/**
 * @param {Record<string, any>} body
 * @returns {string}
 */
export function asJson(body) {
  return JSON.stringify(body, null, 2);
}

/**
 * @param {Record<string, any>} body
 * @param {string} url  of `POST /jobs`
 * @param {boolean} needsToken
 */
export function asCurl(body, url, needsToken) {
  return [
    `curl ${quoted(url)}`,
    ...(needsToken ? ['-H "Authorization: Bearer $PRETRAIN_TOKEN"'] : []),
    "-H 'Content-Type: application/json'",
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

/**
 * @param {Record<string, any>} body
 * @param {string} url  of the service
 */
export function asSubmit(body, url) {
  const { preset, ...fields } = body;
  return [
    "pretrain submit",
    ...(preset === undefined ? [] : [`--from ${preset}`]),
    ...assignments(fields).map(([path, value]) => `--set ${quoted(`${path}=${value}`)}`),
    `--url ${quoted(url)}`,
  ].join(" \\\n  ");
}

/**
 * @param {Record<string, any>} fields
 * @returns {[path: string, value: string][]}
 */
function assignments(fields) {
  return Object.entries(fields).flatMap(([name, value]) => {
    // Labels may have any name, so they are set together.
    const isSection = value !== null && typeof value === "object" && !Array.isArray(value) && name !== "metadata" && name !== "start_from";
    return isSection
      ? Object.entries(value).map(([inner, each]) => /** @type {[string, string]} */ ([`${name}.${inner}`, written(each)]))
      : [/** @type {[string, string]} */ ([name, written(value)])];
  });
}

/**
 * A text is written without quotes where it is not taken for something else (`client/spec/assignments.py`).
 * @param {unknown} value
 */
function written(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  return value === "null" || /^["{[]/.test(value) ? JSON.stringify(value) : value;
}

/**
 * For a POSIX shell.
 * @param {string} text
 */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
