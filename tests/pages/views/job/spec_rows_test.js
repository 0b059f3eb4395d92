import assert from "node:assert/strict";
import { specRows } from "../../../../api/pages/static/views/job/spec_rows.js";

const spec = { name: "a", preset: "tiny", dataset: "sample", training: { num_epochs: 40, seed: 123, betas: [0.9, 0.999] }, metadata: {} };
const preset = { ...spec, name: null, dataset: "the-verdict", training: { ...spec.training, num_epochs: 3 } };

Deno.test("what differs from the preset comes first, with what the preset has", () => {
  const [first, ...others] = specRows(spec, preset);
  assert.deepEqual(first, { field: "training.num_epochs", value: 40, preset: 3, differs: true });
  assert.ok(others.every(({ differs }) => !differs));
});

Deno.test("a name and a data set are no preset's", () => {
  assert.deepEqual(specRows(spec, preset).filter(({ differs }) => differs).map(({ field }) => field), ["training.num_epochs"]);
});

Deno.test("while the preset is not known nothing differs, and every field has a row", () => {
  const rows = specRows(spec, null);
  assert.ok(rows.every(({ differs }) => !differs));
  assert.deepEqual(rows.map(({ field }) => field), ["name", "preset", "dataset", "training.num_epochs", "training.seed", "training.betas", "metadata"]);
});
