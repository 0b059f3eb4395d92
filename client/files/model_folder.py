"""The files of a model that is sent: those of a folder, or those that are given."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from client.errors import UsageError
from client.files.input import opened, shown_name
from jobs.files.model_files import (
    CONVERT,
    INDEX,
    MAX_JSON_BYTES,
    PICKLES,
    WEIGHTS,
    BadModelFile,
    check_file_name,
    check_head,
    is_weights,
    missing_files,
)

HEAD_BYTES = 4096


def find_model_files(given: Sequence[Path]) -> list[Path]:
    """The files to send. raises  UsageError for what can be no model, before anything is sent"""
    files = files_of(given[0]) if len(given) == 1 and given[0].is_dir() else list(given)
    for file in files:
        try:
            check_file_name(file.name)
            if is_weights(file.name):
                with opened(file) as stream:
                    check_head(file.name, stream.read(HEAD_BYTES))
        except BadModelFile as error:
            raise UsageError(f"{shown_name(file)}: {error}") from error
    if errors := missing_files([file.name for file in files]):
        what = ", ".join(map(shown_name, given[:3]))
        raise UsageError(f"{what}: " + "; ".join(f"{error.field} {error.message}" for error in errors))
    return files


def files_of(folder: Path) -> list[Path]:
    """What of a folder belongs to the model. raises  UsageError if its weights are pickled only"""
    names = {entry.name for entry in folder.iterdir() if entry.is_file()}
    weights = {name for name in names if is_weights(name)}
    if not weights and (pickled := sorted(name for name in names if name.lower().endswith(PICKLES))):
        raise UsageError(f"{shown_name(folder / pickled[0])}: {CONVERT}")
    if WEIGHTS in weights:
        weights = {WEIGHTS}  # shards beside it are the same weights once more
    described = names & set(MAX_JSON_BYTES) - ({INDEX} if WEIGHTS in weights else set())
    return [folder / name for name in sorted(weights | described)]


def file_blocks(file: Path, block_bytes: int) -> Iterator[bytes]:
    """raises  UsageError"""
    with opened(file) as stream:
        while block := stream.read(block_bytes):
            yield block
