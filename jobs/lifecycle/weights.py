"""A checkpoint's weights, opened for reading while its job may still train and delete checkpoints, and its
tokenizer."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from jobs.files.checkpoint_files import listed_files
from jobs.files.layout import CHECKPOINT_MANIFEST, CHECKPOINT_TOKENIZER, CHECKPOINT_WEIGHTS, sha256_of
from jobs.lifecycle.checkpoints import find_checkpoint
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Checkpoint, Job


class WeightsLost(Exception):
    """A checkpoint is listed, but its files are gone or not what was written; the message says how."""


class Listed(Protocol):
    """A checkpoint as the database has it."""

    @property
    def directory(self) -> str:
        """Relative to the artifacts' root."""


Found = TypeVar("Found", bound=Listed)
Result = TypeVar("Result")


def with_files(
    database: Database,
    find: Callable[[Session], Found],
    use: Callable[[Found], Result],
    describe: Callable[[Found], str],
) -> Result:
    """What `use` returns for the checkpoint that `find` finds. A job that trains may delete its files at any
    time: if `use` raises FileNotFoundError, the one that has replaced it is found.

    describe  the checkpoint, in the message
    raises    WeightsLost if there is none that has; whatever else `find` and `use` raise
    """
    missed: str | None = None
    while True:
        with database.read() as session:
            found = find(session)
        if found.directory == missed:
            raise WeightsLost(f"the files of {describe(found)} are gone from the disk")
        try:
            return use(found)
        except FileNotFoundError:
            missed = found.directory


def describe_step(checkpoint: Checkpoint) -> str:
    return f"the checkpoint of step {checkpoint.step}"


@dataclass(frozen=True)
class OpenWeights:
    """Open, so that the file stays readable also when the job deletes it."""

    job: Job
    checkpoint: Checkpoint
    file: BufferedReader
    size_bytes: int
    tokenizer_json: bytes | None = None
    """The copy of a tokenizer that was trained on a data set."""

    def verify(self) -> None:
        """Read all of it. raises  WeightsLost if it is not what was written, byte for byte; OSError"""
        sha256 = hashlib.file_digest(self.file, "sha256").hexdigest()
        if sha256 != self.checkpoint.sha256:
            raise WeightsLost(
                f"the weights of the checkpoint of step {self.checkpoint.step} are damaged: their sha256 is "
                f"{sha256}, {self.checkpoint.sha256} was written"
            )


def open_weights(database: Database, artifacts: Path, job_id: str, name: str) -> OpenWeights:
    """Open the weights of the checkpoint `last`, `best`, or of a step; the caller closes the file.

    Sizes are compared; to read all and compare checksums is for whoever needs every byte.
    raises  NotFound; WeightsLost; CheckpointFilesLost; OSError
    """
    with database.read() as session:
        job = get_job(session, job_id)
    return with_files(
        database,
        lambda session: find_checkpoint(session, get_job(session, job_id).id, name),
        lambda checkpoint: open_listed(job, checkpoint, artifacts / checkpoint.directory),
        describe_step,
    )


def open_listed(job: Job, checkpoint: Checkpoint, directory: Path) -> OpenWeights:
    """raises  WeightsLost; CheckpointFilesLost; OSError"""
    file = (directory / CHECKPOINT_WEIGHTS).open("rb")
    try:
        size_bytes = os.fstat(file.fileno()).st_size
        files = listed_files(directory / CHECKPOINT_MANIFEST)
        written_bytes = files[CHECKPOINT_WEIGHTS]["bytes"]
        if size_bytes != written_bytes:
            raise WeightsLost(
                f"the weights of the checkpoint of step {checkpoint.step} are damaged: the file has "
                f"{size_bytes:,} bytes, {written_bytes:,} were written"
            )
        tokenizer_json = None
        if (written := files.get(CHECKPOINT_TOKENIZER)) is not None:
            tokenizer_json = (directory / CHECKPOINT_TOKENIZER).read_bytes()
            if sha256_of(tokenizer_json) != written.get("sha256"):
                raise WeightsLost(f"the tokenizer of the checkpoint of step {checkpoint.step} is damaged")
    except BaseException:
        file.close()
        raise
    return OpenWeights(job, checkpoint, file, size_bytes, tokenizer_json)
