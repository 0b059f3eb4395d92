/** The fields of a spec, as the OpenAPI document describes them: what a form needs to know, and nothing by heart. */

/** @typedef {Record<string, any>} Schema */

/**
 * What a value is, and with it which control edits it. `texts`: one text or several. `rows`: records with the same
 * fields. `labels`: names with values. `start`: weights of a job or of a model.
 * @typedef {"text" | "integer" | "number" | "switch" | "choice" | "numbers" | "texts" | "rows" | "labels" | "start"} Kind
 */

/**
 * @typedef {object} SpecField
 * @property {string} path  `training.learning_rate`
 * @property {string} name  `learning_rate`
 * @property {Kind} kind
 * @property {string} text  what it means, in Markdown
 * @property {string} range  which numbers it may be, in words; "" for any
 * @property {readonly string[]} choices
 * @property {boolean} isNullable
 * @property {unknown} usual  the default of the schema, which a preset may change
 * @property {readonly Column[]} columns  of `rows`
 */

/** @typedef {{name: string, choices: readonly string[], text: string}} Column */
/** @typedef {{name: string, text: string, fields: SpecField[]}} Section */

/** What a job starts from, in the order in which one thinks of it; whatever else is in no section comes last. */
const ORIGIN = ["name", "dataset", "tokenizer", "validation_dataset", "start_from"];

/**
 * @param {Schema} document  `/openapi.json`
 * @returns {Section[]} the spec's sections in their order, what a job starts from before them, the rest behind
 */
export function specSections(document) {
  /** @type {Record<string, Schema>} */
  const schemas = document.components.schemas;
  const spec = schemas.JobSpec ?? {};
  /** @type {Section[]} */
  const sections = [];
  /** @type {SpecField[]} */
  const outer = [];
  for (const [name, schema] of Object.entries(/** @type {Record<string, Schema>} */ (spec.properties))) {
    const own = schema.$ref === undefined ? null : resolved(schema, schemas);
    if (own === null) outer.push(...fieldOf(name, name, schema, schemas));
    else {
      const fields = Object.entries(/** @type {Record<string, Schema>} */ (own.properties)).flatMap(([inner, each]) => fieldOf(`${name}.${inner}`, inner, each, schemas));
      sections.push({ name, text: own.description ?? "", fields });
    }
  }
  const origin = ORIGIN.flatMap((name) => outer.filter((field) => field.name === name));
  const rest = outer.filter(({ name }) => !ORIGIN.includes(name) && name !== "preset");
  return [{ name: "origin", text: "", fields: origin }, ...sections, { name: "queueing", text: "", fields: rest }];
}

/**
 * @param {Schema} document
 * @returns {readonly string[]} the presets that there are
 */
export function presetsOf(document) {
  return document.components.schemas.JobSpec.properties.preset.enum;
}

/**
 * @param {string} path
 * @param {string} name
 * @param {Schema} schema
 * @param {Record<string, Schema>} schemas
 * @returns {SpecField[]} none where there is nothing to choose
 */
function fieldOf(path, name, schema, schemas) {
  const options = /** @type {Schema[]} */ (schema.anyOf ?? schema.oneOf ?? [schema]).map((option) => resolved(option, schemas));
  const values = options.filter(({ type }) => type !== "null");
  const main = values[0] ?? {};
  /** @type {readonly string[]} */
  const choices = main.enum ?? [];
  if (choices.length === 1 && options.length === 1) return [];
  const kind = kindOf(main, values);
  const item = kind === "rows" ? resolved(main.items, schemas) : {};
  return [
    {
      path,
      name,
      kind,
      text: withoutDefault(schema.description ?? ""),
      range: kind === "integer" || kind === "number" ? rangeInWords(main) : "",
      choices,
      isNullable: values.length < options.length,
      usual: schema.default,
      columns: Object.entries(/** @type {Record<string, Schema>} */ (item.properties ?? {})).map(([column, each]) => ({
        name: column,
        choices: each.enum ?? [],
        text: each.description ?? "",
      })),
    },
  ];
}

/**
 * @param {Schema} schema
 * @param {Schema[]} options
 * @returns {Kind}
 */
function kindOf(schema, options) {
  if (options.length > 1) return "texts";
  if (schema.enum !== undefined) return "choice";
  switch (schema.type) {
    case "boolean":
      return "switch";
    case "integer":
    case "number":
      return schema.type;
    case "array":
      return schema.prefixItems === undefined ? "rows" : "numbers";
    case "object":
      return schema.properties === undefined ? "labels" : "start";
    default:
      return "text";
  }
}

/**
 * @param {Schema} schema
 * @param {Record<string, Schema>} schemas
 * @returns {Schema}
 */
function resolved(schema, schemas) {
  return schema.$ref === undefined ? schema : (schemas[schema.$ref.split("/").at(-1)] ?? {});
}

/**
 * The form shows what a preset has, which need not be the default; so what says nothing else than that is left out.
 * @param {string} text
 */
function withoutDefault(text) {
  return text.replaceAll(/\s+/g, " ").replace(/ ?Default: [^,;:]*\.$/, "").trim();
}

/** Numbers from here on bound nothing that somebody would want. */
const ANY = 1e9;

/**
 * @param {Schema} schema
 * @returns {string}
 */
export function rangeInWords({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }) {
  const low = exclusiveMinimum === undefined ? minimum : exclusiveMinimum;
  const from = low === undefined ? "" : exclusiveMinimum === undefined ? `${shown(low)} or more` : `more than ${shown(low)}`;
  const high = exclusiveMaximum === undefined ? maximum : exclusiveMaximum;
  if (high === undefined || high >= ANY) return from;
  const below = exclusiveMaximum !== undefined;
  if (from === "") return below ? `less than ${shown(high)}` : `at most ${shown(high)}`;
  if (exclusiveMinimum === undefined && !below) return `${shown(low)} to ${shown(high)}`;
  return `${from}, ${below ? "less than" : "at most"} ${shown(high)}`;
}

/** @param {number} value */
function shown(value) {
  return value.toLocaleString("en-GB", { maximumFractionDigits: 10 });
}
