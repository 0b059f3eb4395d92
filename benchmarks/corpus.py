"""A large corpus by way of the whole service: uploaded and prepared while a job trains, trained on, deleted.

    python -m benchmarks.corpus [--gigabytes 2]

Makes NDJSON of documents like English and starts a whole `pretrain up`. The text is uploaded and prepared
twice, under different first documents: beside a job that trains, then beside nothing. Then 20 steps are
trained on it, and all is deleted. Prints markdown for `benchmarks/LOG.md`; the exit status is 1 if the API's
memory grows by more than it may, or the disk is not free again.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import descendants, running_service, wait_for_success, wait_until_warm
from benchmarks.tokenising import write_text
from client.api.pretrain import Pretrain
from client.local.stack import Stack
from client.records import Dataset, Job

GROWTH_GOAL_BYTES = 100e6
LEFT_GOAL_BYTES = 10e6
"""The database keeps what jobs and data sets took in its own file."""
BLOCK_BYTES = 2**20
STEPS = 20
TOKENIZER = "gpt2"
RESET_PEAK = "5"
"""Written to clear_refs: proc_pid_clear_refs(5)."""


def write_documents(path: Path, size_bytes: int) -> None:
    """NDJSON of about `size_bytes`, a paragraph a document."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        text = Path(folder) / "text.txt"
        write_text(text, size_bytes)
        with text.open(encoding="utf-8") as paragraphs, path.open("w", encoding="utf-8") as file:
            for paragraph in paragraphs:
                if paragraph.strip():
                    file.write(json.dumps({"text": paragraph.rstrip("\n")}, ensure_ascii=False) + "\n")


def blocks(path: Path, first: str) -> Iterator[bytes]:
    """The file, behind a document that makes it another text."""
    yield json.dumps({"text": first}).encode() + b"\n"
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


class APIMemory:
    """How much the API's process holds more than at the start, at most."""

    def __init__(self) -> None:
        [self._folder] = [
            Path(f"/proc/{process.number}")
            for process in descendants()
            if process.command.endswith(b"-m\0api")
        ]
        (self._folder / "clear_refs").write_text(RESET_PEAK)
        self._before_bytes = self._status("VmRSS")

    def growth_bytes(self) -> int:
        return self._status("VmHWM") - self._before_bytes

    def _status(self, field: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith(f"{field}:")]
        return 1024 * int(line.split()[1])


@dataclass(frozen=True)
class Added:
    dataset: Dataset
    upload_s: float
    prepare_s: float
    growth_bytes: int


def add(stack: Stack, client: Pretrain, file: Path, first: str) -> Added:
    """Upload the text, and wait until a worker has prepared it."""
    memory = APIMemory()
    began_s = time.monotonic()
    added = client.datasets.send(first, blocks(file, first), "application/x-ndjson")
    uploaded_s = time.monotonic()
    dataset = client.datasets.get(added["id"])
    while dataset["status"] == "preparing":
        stack.supervise(0.2)
        dataset = client.datasets.get(dataset["id"])
    if dataset["status"] != "ready":
        raise SystemExit(f"the data set {dataset['status']}: {dataset['error']}")
    return Added(dataset, uploaded_s - began_s, time.monotonic() - uploaded_s, memory.growth_bytes())


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def run_steps(stack: Stack, client: Pretrain, dataset: str) -> Job:
    spec = {
        "preset": "tiny",
        "dataset": dataset,
        "tokenizer": TOKENIZER,
        "training": {"max_steps": STEPS},
    }
    return wait_for_success(stack, client, client.jobs.submit(spec), 0.2)


def start_long_job(stack: Stack, client: Pretrain) -> str:
    training = {"num_epochs": 10_000, "max_steps": 1_000_000}
    job = client.jobs.submit(
        {"preset": "tiny", "dataset": "sample", "tokenizer": "bytes", "training": training}
    )
    while client.jobs.get(job["id"])["progress"]["step"] == 0:
        stack.supervise(0.2)
    return str(job["id"])


def wait_until_free(stack: Stack, folder: Path, before_bytes: int) -> int:
    """How many bytes more than before are taken, once workers have swept what is deleted."""
    for _ in range(300):
        left_bytes = disk_bytes(folder) - before_bytes
        if left_bytes < LEFT_GOAL_BYTES:
            break
        stack.supervise(0.2)
    return left_bytes


def measure(gigabytes: float) -> bool:
    with tempfile.TemporaryDirectory() as folder, running_service() as (stack, client):
        file = Path(folder) / "documents.ndjson"
        write_documents(file, int(gigabytes * 1e9))
        data_dir = stack.data_dir
        wait_until_warm(stack)
        before_bytes = disk_bytes(data_dir)
        long_job = start_long_job(stack, client)
        step = client.jobs.get(long_job)["progress"]["step"]
        beside = add(stack, client, file, "beside a job")
        steps = client.jobs.get(long_job)["progress"]["step"] - step
        client.jobs.cancel(long_job)
        alone = add(stack, client, file, "alone")
        job = run_steps(stack, client, alone.dataset["id"])
        full_bytes = disk_bytes(data_dir)
        for job_id in (long_job, job["id"]):
            client.jobs.delete(job_id)
        for added in (beside, alone):
            client.datasets.delete(added.dataset["id"])
        left_bytes = wait_until_free(stack, data_dir, before_bytes)
        size_bytes = file.stat().st_size
    print("| | beside a job that trains | beside nothing |\n| --- | ---: | ---: |")
    print(f"| upload | {beside.upload_s:.0f} s | {alone.upload_s:.0f} s |")
    print(f"| the API's memory | +{beside.growth_bytes / 1e6:.0f} MB | +{alone.growth_bytes / 1e6:.0f} MB |")
    rates = " | ".join(f"{size_bytes / 1e6 / added.prepare_s:.1f} MB/s" for added in (beside, alone))
    print(f"| prepared | {rates} |")
    val_loss = job["latest"]["val_loss"] if job["latest"] else math.nan
    print(
        f"\n{size_bytes / 1e9:.1f} GB, {alone.dataset['documents']:,} documents. The job beside it made "
        f"{steps} steps. {STEPS} steps on the text: val_loss {val_loss:.2f}. Disk: "
        f"{full_bytes / 1e9:.1f} GB, {left_bytes / 1e6:.1f} MB more than before once all was deleted."
    )
    growth_bytes = max(beside.growth_bytes, alone.growth_bytes)
    return growth_bytes < GROWTH_GOAL_BYTES and left_bytes < LEFT_GOAL_BYTES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=2)
    sys.exit(0 if measure(parser.parse_args().gigabytes) else 1)


if __name__ == "__main__":
    main()
