"""The files of a model from outside: which are taken, and how they are stored while they arrive.

They lie in a folder with a hidden name, which the model's row lists once all are there. What no row lists the
keeper deletes (`jobs.files.cleanup`).
"""

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.files.layout import models_directory
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import quoted
from model.storage.atomic import sync

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
GENERATION_CONFIG = "generation_config.json"
"""Taken, since folders have it, and not read."""
SHARD = re.compile(r"model-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.safetensors")
MAX_JSON_BYTES = {CONFIG: 2**20, GENERATION_CONFIG: 2**20, INDEX: 16 * 2**20, TOKENIZER: 32 * 2**20}
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
"""Suffixes of files that PyTorch and others pickle."""
CONVERT = (
    "pickles run code when they are read, and are not taken. Convert it where you trust "
    "it: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER) of transformers writes "
    "safetensors"
)
HEAD_BYTES = 9
"""Of a safetensors file: the length of its header, and the brace that this begins with."""


class BadModelFile(ValueError):
    """A file that no model has. `file` is its name, or empty where that is none of a model's files."""

    def __init__(self, file: str, message: str) -> None:
        super().__init__(message)
        self.file = file


def is_weights(name: str) -> bool:
    return name == WEIGHTS or SHARD.fullmatch(name) is not None


def check_file_name(name: str) -> None:
    """raises  BadModelFile unless it is that of a model's file"""
    if name in MAX_JSON_BYTES or is_weights(name):
        return
    if name.lower().endswith(PICKLES):
        raise BadModelFile(name, CONVERT)
    taken = (
        f"{WEIGHTS} (or shards with their {INDEX}), {CONFIG}, {TOKENIZER} and {GENERATION_CONFIG} are taken"
    )
    raise BadModelFile("", f"unknown file {quoted(name)}; only {taken}")


def check_head(name: str, head: bytes) -> None:
    """raises  BadModelFile for weights that begin as no safetensors file does"""
    if head[HEAD_BYTES - 1 : HEAD_BYTES] == b"{":
        return
    if head.startswith(b"PK"):
        raise BadModelFile(name, f"is a ZIP archive, as PyTorch writes its pickles: {CONVERT}")
    if head.startswith(b"\x80"):
        raise BadModelFile(name, f"is a pickle: {CONVERT}")
    raise BadModelFile(
        name, "is no safetensors file: behind the 8 bytes of its header's length a JSON object must begin"
    )


def missing_files(names: Collection[str]) -> list[FieldError]:
    """What lacks for a model, or is too much, of the files with these names."""
    errors = []
    if CONFIG not in names:
        errors.append(FieldError(CONFIG, "must be given: it describes the model"))
    shards = sorted(name for name in names if SHARD.fullmatch(name))
    if WEIGHTS in names:
        errors += [FieldError(name, f"can't be given beside {WEIGHTS}", name) for name in shards]
        if INDEX in names:
            errors.append(FieldError(INDEX, f"belongs to shards, and can't be given beside {WEIGHTS}"))
    elif shards:
        errors += missing_shards(shards)
        if INDEX not in names:
            errors.append(FieldError(INDEX, "must be given with shards"))
    else:
        errors.append(FieldError(WEIGHTS, f"must be given, or shards with their {INDEX}"))
    return errors


def missing_shards(shards: Iterable[str]) -> list[FieldError]:
    """For the first shard that does not fit the number of them, or is missing."""
    matches = [match for name in shards if (match := SHARD.fullmatch(name))]
    counts = {int(match["count"]) for match in matches}
    count = max(counts)
    if len(counts) > 1:
        return [FieldError(matches[0][0], f"all shards must be of the same number, not of {sorted(counts)}")]
    numbers = {int(match["number"]) for match in matches}
    for number in range(1, count + 1):
        if number not in numbers:
            name = f"model-{number:05}-of-{count:05}.safetensors"
            return [FieldError(name, f"must be given: {len(numbers)} of {count} shards were sent")]
    return []


class ArrivingModel:
    """The files of a model that are being written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bytes = 0
        self.names: list[str] = []

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file as it arrives. raises  BadModelFile, OSError; whatever `blocks` raises"""
        check_file_name(name)
        if name in self.names:
            raise BadModelFile(name, "must be given once")
        self.names.append(name)
        most = MAX_JSON_BYTES.get(name)
        written_bytes = 0
        with (self.directory / name).open("xb") as file:
            for block in blocks:
                if written_bytes == 0 and most is None:
                    check_head(name, block)
                written_bytes += len(block)
                self.bytes += len(block)
                if most is not None and written_bytes > most:
                    raise BadModelFile(name, f"has more than {most:,} bytes")
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if written_bytes == 0:
            raise BadModelFile(name, "must not be empty")


@contextmanager
def arriving_model(artifacts: Path) -> Iterator[ArrivingModel]:
    """A model for the block to write and to list; if it raises, nothing of it is left."""
    directory = models_directory(artifacts) / f".upload-{os.getpid()}-{os.urandom(8).hex()}"
    directory.mkdir(parents=True)
    try:
        yield ArrivingModel(directory)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def sync_folder(directory: Path) -> None:
    """Make the names of the files, and its own, survive a power failure."""
    sync(directory)
    sync(directory.parent)
