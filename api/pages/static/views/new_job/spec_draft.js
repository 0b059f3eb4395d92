/** What a person has filled in so far: a preset, and by path the values that were given. */

/** @typedef {{preset: string, from: string | null, given: Record<string, unknown>}} Draft */

/** @param {string} preset */
export function emptyDraft(preset) {
  return /** @type {Draft} */ ({ preset, from: null, given: {} });
}

/**
 * A draft that makes the same job again.
 * @param {string} id
 * @param {Record<string, any>} spec  filled, of the job
 * @param {Record<string, any>} base  filled, of its preset alone
 * @returns {Draft}
 */
export function draftFrom(id, spec, base) {
  /** @type {Record<string, unknown>} */
  const given = {};
  for (const [path, value] of leaves(spec)) {
    if (path !== "preset" && (isOfSource(path, spec.start_from) || !isSame(value, valueAt(base, path)))) given[path] = value;
  }
  return { preset: spec.preset, from: id, given };
}

/**
 * With another value of a field.
 * @param {Draft} draft
 * @param {string} path
 * @param {unknown} value  undefined: the preset's again
 * @returns {Draft}
 */
export function withValue(draft, path, value) {
  const { [path]: _, ...others } = draft.given;
  return { ...draft, given: value === undefined ? others : { ...others, [path]: value } };
}

/**
 * The fields that a request has to have: those that differ from the preset.
 * @param {Draft} draft
 * @param {Record<string, any>} base  filled, of its preset alone
 * @returns {[path: string, value: unknown][]}
 */
export function changesOf({ given }, base) {
  return Object.entries(given).filter(([path, value]) => isFilledInByOthers(path, given) || !isSame(value, valueAt(base, path)));
}

/**
 * The body of the request.
 * @param {Draft} draft
 * @param {Record<string, any>} base
 * @param {string} usualPreset  that a spec without one has
 * @returns {Record<string, any>}
 */
export function bodyOf(draft, base, usualPreset) {
  /** @type {Record<string, any>} */
  const body = draft.preset === usualPreset ? {} : { preset: draft.preset };
  for (const [path, value] of changesOf(draft, base)) {
    const [section = "", name] = path.split(/\.(.*)/s);
    if (name === undefined) body[section] = value;
    else body[section] = { ...body[section], [name]: value };
  }
  return body;
}

/**
 * @param {Record<string, any> | null} spec
 * @param {string} path
 * @returns {any}
 */
export function valueAt(spec, path) {
  return path.split(".").reduce((/** @type {any} */ tree, name) => tree?.[name], spec);
}

/**
 * Fields whose value follows from another field where they are not given: the preset's says nothing of them.
 * @param {string} path
 * @param {Record<string, unknown>} given
 */
function isFilledInByOthers(path, given) {
  return path === "model.initialization" || path === "training.train_ratio" || isOfSource(path, given.start_from);
}

/**
 * What weights from elsewhere bring with them.
 * @param {string} path
 * @param {unknown} startFrom
 */
function isOfSource(path, startFrom) {
  return startFrom != null && (path === "tokenizer" || path.startsWith("model."));
}

/** @param {Record<string, any>} spec */
function leaves(spec) {
  return Object.entries(spec).flatMap(([name, value]) => {
    const isSection = ["model", "training", "evaluation", "sampling", "checkpoints"].includes(name);
    return isSection ? Object.entries(value).map(([inner, each]) => /** @type {[string, unknown]} */ ([`${name}.${inner}`, each])) : [/** @type {[string, unknown]} */ ([name, value])];
  });
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function isSame(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * @param {unknown} value  as it was kept by another version, perhaps
 * @returns {value is Draft}
 */
export function isDraft(value) {
  const draft = /** @type {any} */ (value);
  return typeof draft?.preset === "string" && (draft.from === null || typeof draft.from === "string") && draft.given !== null && typeof draft.given === "object";
}
