import assert from "node:assert/strict";
import { DatasetNames } from "../../../api/pages/static/records/dataset_names.js";
import { ServiceStub, settled } from "./service_stub.js";

Deno.test("names that are on their way when somebody signs out are forgotten, and looked up again", async () => {
  const service = new ServiceStub();
  const names = new DatasetNames();
  assert.equal(names.of("dataset-1"), "dataset-1");
  const [mine] = service.asked;
  names.clear();
  names.of("dataset-1");
  mine?.answer({ data: [{ id: "dataset-1", name: "mine" }], has_more: false });
  await settled();
  assert.equal(names.of("dataset-1"), "dataset-1");
  await service.answer({ data: [{ id: "dataset-1", name: "yours" }], has_more: false });
  assert.equal(names.of("dataset-1"), "yours");
});

Deno.test("a name that is asked for while the list is read is looked up behind it, once", async () => {
  const service = new ServiceStub();
  const names = new DatasetNames();
  names.of("dataset-1");
  names.of("dataset-2");
  await service.answer({ data: [{ id: "dataset-1", name: "one" }], has_more: false });
  await service.answer({ data: [{ id: "dataset-1", name: "one" }, { id: "dataset-2", name: "two" }], has_more: false });
  assert.equal(names.of("dataset-2"), "two");
  names.of("dataset-3");
  await service.answer({ data: [], has_more: false });
  assert.equal(names.of("dataset-3"), "dataset-3");
  assert.deepEqual(service.asked, []);
});
