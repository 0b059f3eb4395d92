import assert from "node:assert/strict";
import { presetsOf, rangeInWords, specSections } from "../../../../api/pages/static/views/new_job/spec_fields.js";

const DOCUMENT = {
  components: {
    schemas: {
      JobSpec: {
        properties: {
          name: { anyOf: [{ type: "string" }, { type: "null" }], default: null, description: "A label of your own. Default: none." },
          preset: { enum: ["lecture", "tiny"], type: "string" },
          start_from: { anyOf: [{ $ref: "#/components/schemas/StartFrom" }, { type: "null" }], description: "Weights." },
          training: { $ref: "#/components/schemas/TrainingConfig" },
          devices: { enum: [1], type: "integer" },
          alerts: { type: "array", items: { $ref: "#/components/schemas/AlertRule" } },
          metadata: { type: "object", additionalProperties: { type: "string" } },
        },
      },
      StartFrom: { type: "object", properties: { job: {} } },
      AlertRule: { type: "object", properties: { when: { type: "string" }, do: { enum: ["notify", "pause"] } } },
      TrainingConfig: {
        type: "object",
        properties: {
          learning_rate: { type: "number", exclusiveMinimum: 0, maximum: 100, default: 4e-4, description: "Peak learning rate.\nDefault: the lecture's." },
          max_steps: { anyOf: [{ type: "integer", minimum: 1, maximum: 1_000_000_000 }, { type: "null" }], description: "Stop. Default: no limit." },
          optimizer: { enum: ["adamw", "muon"], type: "string" },
          betas: { type: "array", prefixItems: [{ type: "number" }, { type: "number" }] },
          compile: { type: "boolean" },
          start_context: { oneOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
        },
      },
    },
  },
};

Deno.test("each type of a schema is edited in its own way, and what leaves no choice is no field", () => {
  const kinds = Object.fromEntries(specSections(DOCUMENT).flatMap(({ fields }) => fields.map(({ path, kind }) => [path, kind])));
  assert.deepEqual(kinds, {
    name: "text",
    start_from: "start",
    "training.learning_rate": "number",
    "training.max_steps": "integer",
    "training.optimizer": "choice",
    "training.betas": "numbers",
    "training.compile": "switch",
    "training.start_context": "texts",
    alerts: "rows",
    metadata: "labels",
  });
});

Deno.test("sections come in the order of the spec, what it starts from first and what belongs to none last", () => {
  assert.deepEqual(specSections(DOCUMENT).map(({ name }) => name), ["origin", "training", "queueing"]);
});

Deno.test("a field says what it means, which numbers it may be and whether it may be empty", () => {
  const fields = specSections(DOCUMENT).flatMap((section) => section.fields);
  const rate = fields.find(({ path }) => path === "training.learning_rate");
  assert.deepEqual([rate?.text, rate?.range, rate?.isNullable, rate?.usual], ["Peak learning rate.", "more than 0, at most 100", false, 4e-4]);
  const steps = fields.find(({ path }) => path === "training.max_steps");
  assert.deepEqual([steps?.text, steps?.range, steps?.isNullable], ["Stop.", "1 or more", true]);
});

Deno.test("alerts have the columns of their rules", () => {
  const alerts = specSections(DOCUMENT).at(-1)?.fields.find(({ path }) => path === "alerts");
  assert.deepEqual(alerts?.columns.map(({ name, choices }) => [name, choices]), [["when", []], ["do", ["notify", "pause"]]]);
});

Deno.test("the presets are those of the document", () => {
  assert.deepEqual(presetsOf(DOCUMENT), ["lecture", "tiny"]);
});

Deno.test("a range says whether its ends belong to it", () => {
  assert.equal(rangeInWords({ minimum: 1, maximum: 65_536 }), "1 to 65,536");
  assert.equal(rangeInWords({ minimum: 0, exclusiveMaximum: 1 }), "0 or more, less than 1");
  assert.equal(rangeInWords({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), "more than 0, less than 1");
  assert.equal(rangeInWords({}), "");
});
