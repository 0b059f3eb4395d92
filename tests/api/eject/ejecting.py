"""Jobs trained by `model.training.train`, and what their ejected files print in a process of their own."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from packaging.requirements import Requirement

from api.eject.archive import ejected_files
from jobs.spec.job_spec import JobSpec
from jobs.spec.parsing import parse_spec
from jobs.store.tables import Dataset, Job
from model.data import Data
from model.events import Evaluation, Sample
from model.numerics import ResolvedNumerics
from model.storage.splits import DOCUMENT_END, scan_text
from model.storage.stored_ids import TokenFile
from model.storage.token_file import write_tokens
from model.tokenizers import TOKENIZERS, Tokenizer, load_tokenizer
from model.training import train
from tests.model.own_tokenizer import story_tokenizer
from tests.model.tiny import CPU, Recorder

TEXT = (
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.\r\n"
    "今天天气很好。 👍🏽 Grüße, naïve café!   \n\n\tEvery effort moves you: don't we'll I've 12345.\n"
) * 4
TINY: dict[str, Any] = {
    "tokenizer": "bytes",
    "model": {"context_length": 8, "emb_dim": 16, "n_heads": 2, "n_layers": 2},
    "training": {"num_epochs": 2, "learning_rate": 1e-2, "batch_size": 4},
    "evaluation": {"eval_freq": 3, "eval_iter": 2},
    "sampling": {"start_context": 'Every "effort"\n', "max_new_tokens": 12},
}

ROW = re.compile(
    r"epoch (?P<epoch>\d+), step (?P<step>\d+), (?P<tokens_seen>\d+) tokens: "
    r"train loss (?P<train_loss>\S+), validation loss (?P<val_loss>\S+)\n"
)
# With `-S` nothing but the standard library is found, and then what is linked in PACKAGES.
RUN_ALL = """
import contextlib, pathlib, runpy, sys
packages, *folders = sys.argv[1:]
sys.path.append(packages)
for folder in map(pathlib.Path, folders):
    with (folder / "printed").open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        runpy.run_path(str(folder / "train.py"), run_name="__main__")
"""

Row = tuple[int, int, int, float, float]
"""Step, epoch, tokens seen, train loss, validation loss."""


@dataclass(frozen=True)
class Printed:
    rows: list[Row]
    samples: str
    """One after the other, each with its newline."""


def tiny_spec(**sections: Any) -> JobSpec:
    """`TINY` with fields of its sections replaced."""
    merged = {
        name: {**TINY.get(name, {}), **value} if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    spec = parse_spec({**TINY, **merged})
    tokenizer = tokenizer_of(spec)
    return spec if tokenizer.tokenizer_json is None else spec.with_vocab_size(tokenizer.vocab_size)


def tokenizer_of(spec: JobSpec) -> Tokenizer:
    """The built-in one that it names, or else one that was trained on a text."""
    if spec.tokenizer in TOKENIZERS:
        return load_tokenizer(spec.tokenizer)
    return story_tokenizer(name=spec.tokenizer)


def trained(spec: JobSpec, folder: Path, text: str = TEXT, seed: int | None = None) -> Printed:
    """What the job of that spec records.

    seed  instead of the spec's
    """
    if seed is not None:
        spec = spec.model_copy(update={"training": spec.training.model_copy(update={"seed": seed})})
    recorder = Recorder()
    train(
        spec,
        data_of(text, spec, folder),
        on_event=recorder.record,
        should_stop=lambda: False,
        checkpoint_root=folder,
        numerics=cast(ResolvedNumerics, spec.training.numerics),
        device=CPU,
        tokenizer=tokenizer_of(spec),
    )
    rows = [
        (event.step, event.epoch, event.tokens_seen, event.train_loss, event.val_loss)
        for event in recorder.of(Evaluation)
    ]
    return Printed(rows, "".join(event.text + "\n" for event in recorder.of(Sample)))


def data_of(text: str, spec: JobSpec, folder: Path) -> Data:
    """As its trainer reads it, if it has documents."""
    tokenizer, train_ratio = tokenizer_of(spec), spec.training.train_share
    if DOCUMENT_END not in text:
        return Data.from_text(text, tokenizer, spec)
    folder.mkdir(parents=True, exist_ok=True)
    file, tokens = folder / "text.txt", folder / "tokens"
    file.write_bytes(text.encode())
    return Data.from_file(
        TokenFile(tokens, write_tokens(scan_text(file), tokens, tokenizer, train_ratio, threads=1)), spec
    )


def stored(spec: JobSpec, content: bytes, start_bytes: int) -> tuple[Job, Dataset]:
    """The rows of a job that has run, and of its text."""
    job = Job(
        id="job-1",
        numerics=spec.training.numerics,
        device="cpu",
        threads=1,
        dataset_sha256="ab" * 32,
        spec=spec.model_dump(mode="json"),
    )
    documents = content.count(DOCUMENT_END.encode())
    return job, Dataset(id="dataset-1", bytes=len(content), text_start_bytes=start_bytes, documents=documents)


def eject(spec: JobSpec, folder: Path, text: str = TEXT, before_text: bytes = b"") -> Path:
    """Write the ejected job's files into `folder`."""
    content = before_text + text.encode()
    folder.mkdir(parents=True)
    (folder / "stored").write_bytes(content)
    with (folder / "stored").open("rb") as file:
        for member in ejected_files(
            *stored(spec, content, len(before_text)), spec, cast(BufferedReader, file), tokenizer_of(spec)
        ):
            (folder / member.name).write_bytes(b"".join(member.chunks()))
    return folder


def link_packages(folder: Path, *names: str) -> Path:
    """A folder with these packages and those that they need, and no other."""
    folder.mkdir()
    needed, seen = list(names), set()
    while needed:
        name = needed.pop()
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        for entry in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (folder / entry).exists():
                (folder / entry).symlink_to(Path(str(found.locate_file(entry))))
        needed += [
            requirement.name
            for requirement in map(Requirement, found.requires or ())
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return folder


def run_all(packages: Path, folders: Mapping[str, Path]) -> dict[str, Printed]:
    """Run each folder's `train.py`, in one process, which has these packages alone; what each has printed."""
    command = [sys.executable, "-I", "-S", "-c", RUN_ALL, str(packages), *map(str, folders.values())]
    ran = subprocess.run(
        command, env={}, cwd=packages, check=False, stderr=subprocess.PIPE, text=True, timeout=600
    )
    assert ran.returncode == 0, ran.stderr
    return {name: parse((folder / "printed").read_bytes().decode()) for name, folder in folders.items()}


def parse(printed: str) -> Printed:
    rows: list[Row] = [
        (
            int(row["step"]),
            int(row["epoch"]),
            int(row["tokens_seen"]),
            float(row["train_loss"]),
            float(row["val_loss"]),
        )
        for row in ROW.finditer(printed)
    ]
    return Printed(rows, ROW.sub("", printed))
