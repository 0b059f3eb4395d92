import assert from "node:assert/strict";
import { bodyOf, changesOf, draftFrom, emptyDraft, withValue } from "../../../../api/pages/static/views/new_job/spec_draft.js";

const BASE = {
  name: null,
  preset: "tiny",
  dataset: "the-verdict",
  start_from: null,
  tokenizer: "gpt2",
  model: { n_layers: 2, initialization: "gpt2" },
  training: { num_epochs: 3, betas: [0.9, 0.999], train_ratio: 0.9 },
  metadata: {},
};

Deno.test("only what differs from the preset is sent", () => {
  let draft = withValue(emptyDraft("tiny"), "training.num_epochs", 5);
  draft = withValue(draft, "training.betas", [0.9, 0.999]);
  draft = withValue(draft, "model.n_layers", 2);
  draft = withValue(draft, "name", "mine");
  assert.deepEqual(bodyOf(draft, BASE, "lecture"), { preset: "tiny", training: { num_epochs: 5 }, name: "mine" });
  assert.deepEqual(bodyOf(emptyDraft("lecture"), BASE, "lecture"), {});
});

Deno.test("a value that is taken back is the preset's again", () => {
  const draft = withValue(withValue(emptyDraft("tiny"), "model.n_layers", 9), "model.n_layers", undefined);
  assert.deepEqual(changesOf(draft, BASE), []);
});

Deno.test("what other fields would fill in is sent where it was chosen, even if the preset has the same", () => {
  const draft = withValue(withValue(emptyDraft("tiny"), "model.initialization", "gpt2"), "training.train_ratio", 0.9);
  assert.deepEqual(bodyOf(draft, BASE, "lecture"), { preset: "tiny", model: { initialization: "gpt2" }, training: { train_ratio: 0.9 } });
});

Deno.test("with weights from elsewhere the shape is theirs, so that a chosen one is sent in any case", () => {
  const draft = withValue(withValue(emptyDraft("tiny"), "start_from", { job: "job-1" }), "model.n_layers", 2);
  assert.deepEqual(bodyOf(draft, BASE, "lecture").model, { n_layers: 2 });
});

Deno.test("another job's draft has what differs from its preset, labels as a whole", () => {
  const spec = { ...BASE, name: "old", training: { ...BASE.training, num_epochs: 7 }, metadata: { team: "blue" } };
  const draft = draftFrom("job-1", spec, BASE);
  assert.deepEqual(draft, { preset: "tiny", from: "job-1", given: { name: "old", "training.num_epochs": 7, metadata: { team: "blue" } } });
});
