"""A job as an archive that needs nothing of the service: `GET /jobs/<id>/eject`."""

import base64
import json
from io import BufferedReader

from api.eject.script import readme, train_script
from api.http.zip_stream import CHUNK_BYTES, Member
from jobs.spec.job_spec import JobSpec
from jobs.store.tables import Dataset, Job
from model.tokenizers import gpt2_ranks


def ejected_files(job: Job, dataset: Dataset, spec: JobSpec, text: BufferedReader) -> list[Member]:
    """
    text    the data set's file
    raises  NotEjectable
    """
    tokens = [Member.of("gpt2.tiktoken", gpt2_tokens())] if spec.tokenizer == "gpt2" else []
    return [
        Member.of("README.md", readme(job, dataset, spec)),
        Member.of("train.py", train_script(job, dataset, spec)),
        Member.of("spec.json", json.dumps(spec.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"),
        *tokens,
        Member("text.txt", dataset.bytes, lambda: iter(lambda: text.read(CHUNK_BYTES), b"")),
    ]


def gpt2_tokens() -> str:
    """GPT-2's tokens as tiktoken's own files have them: on each line a token in base64 and its number."""
    ranks = sorted(gpt2_ranks().items(), key=lambda entry: entry[1])
    return "".join(f"{base64.b64encode(token).decode()} {number}\n" for token, number in ranks)
