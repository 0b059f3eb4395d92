import assert from "node:assert/strict";
import { KnownCheckpoints } from "../../../../api/pages/static/views/playground/known_checkpoints.js";
import { ServiceStub, heard, settled, silentStream } from "../../records/service_stub.js";

for (const type of ["checkpoint", "checkpoint_deleted", "checkpoint_damaged", "pruned", "status", "deleted"]) {
  Deno.test(`the checkpoints of a job are read again when the stream tells of "${type}"`, async () => {
    Object.assign(globalThis, { document: new EventTarget() });
    const service = new ServiceStub();
    const stream = silentStream();
    const known = new KnownCheckpoints(stream);
    const end = new AbortController();
    known.open(end.signal);
    await service.answer({ data: [], has_more: false }); // models
    known.of("job-1");
    await service.answer({ data: [{ id: "checkpoint-1", step: 6 }], has_more: false });
    heard(stream, { type, job_id: "job-2", data: {} });
    heard(stream, { type, job_id: "job-1", data: {} });
    await settled();
    await service.answer({ data: [], has_more: false });
    assert.deepEqual(known.of("job-1"), []);
    end.abort();
  });
}
