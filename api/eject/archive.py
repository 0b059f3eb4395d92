"""A job as an archive that needs nothing of the service: `GET /jobs/<id>/eject`."""

import json
from io import BufferedReader

from api.eject.script import readme, tokens_file, train_script
from api.http.zip_stream import CHUNK_BYTES, Member
from jobs.spec.job_spec import JobSpec
from jobs.store.tables import Dataset, Job
from model.tokenizers import BPETokenizer, Tokenizer, tiktoken_lines


def ejected_files(
    job: Job, dataset: Dataset, spec: JobSpec, text: BufferedReader, tokenizer: Tokenizer
) -> list[Member]:
    """
    text    the data set's file
    raises  NotEjectable
    """
    tokens = []
    if isinstance(tokenizer, BPETokenizer):
        tokens = [Member.of(tokens_file(tokenizer), tiktoken_lines(tokenizer.ranks))]
    return [
        Member.of("README.md", readme(job, dataset, spec, tokenizer)),
        Member.of("train.py", train_script(job, dataset, spec, tokenizer)),
        Member.of("spec.json", json.dumps(spec.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"),
        *tokens,
        Member("text.txt", dataset.bytes, lambda: iter(lambda: text.read(CHUNK_BYTES), b"")),
    ]
