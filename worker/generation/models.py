"""The checkpoints that prompts ask for, and the models read from them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from jobs.lifecycle.history import find_checkpoint
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import get_job, newest_with_checkpoint
from model.checkpoint import load_model
from model.config import GPTConfig
from model.evaluation import evaluating
from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.engine import Engine, fast_engine
from model.layers.kit import KITS
from model.manifest import CheckpointError, Manifest, read_manifest
from model.numerics import pick_device, resolve_numerics

log = logging.getLogger(__name__)

TRIES = 20
"""A job that trains replaces checkpoints; each try takes milliseconds, and finds the newest."""


@dataclass(frozen=True)
class Found:
    """A checkpoint as the database lists it. Two are the same model only if all of it is equal."""

    job_id: str
    step: int
    directory: str
    """Below the artifacts."""
    sha256: str
    """Of the weights."""
    parameters: int
    """Of the model."""


@dataclass(frozen=True)
class LoadedModel:
    gpt: GPT
    make_engine: Callable[[], Engine]


class Damaged(Exception):
    """A listed checkpoint can't be read; the message names no path."""


class Models:
    """Finds checkpoints and reads them, for the device that there is."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._artifacts = settings.artifacts
        self._database = database
        self._int8 = settings.generate_int8
        self._device = pick_device()
        self._numerics = resolve_numerics("auto", self._device)

    def find(self, job_id: str | None, wanted: str) -> Found:
        """Which checkpoint `last`, `best` or a step is now. raises NotFound"""
        with self._database.read() as session:
            job = newest_with_checkpoint(session) if job_id is None else get_job(session, job_id)
            row = find_checkpoint(session, job.id, wanted)
            return Found(job.id, row.step, row.directory, row.sha256, job.parameters)

    def describe(self, job_id: str | None, wanted: str) -> tuple[Found, Manifest]:
        """The checkpoint and what it says of itself. raises NotFound, Damaged"""
        found = self.find(job_id, wanted)
        for _ in range(TRIES):
            try:
                return found, read_manifest(self._artifacts / found.directory)
            except CheckpointError as error:
                found = self.found_instead(found, wanted, error)
        raise self.damaged(found)

    def load(self, found: Found) -> LoadedModel:
        """For generation. raises CheckpointError if it is gone or damaged"""
        model, _ = load_model(self._artifacts / found.directory, self._device, self._numerics)
        return LoadedModel(model, fast_engine(model, int8=self._int8))

    def found_instead(self, found: Found, wanted: str, error: CheckpointError) -> Found:
        """What is to be read instead of a checkpoint that could not be read, because a newer one has replaced
        it. raises NotFound if nothing has, Damaged if it should be there"""
        now = self.find(found.job_id, wanted)
        if now == found:
            log.error("checkpoint %s: %s", found.directory, error)
            raise self.damaged(found)
        return now

    def damaged(self, found: Found) -> Damaged:
        return Damaged(f"the checkpoint of step {found.step} of job {found.job_id} is damaged")

    def compile(self) -> None:
        """On the CPU, what takes some seconds when the first text of a process is generated."""
        if self._device.type != "cpu":
            return
        config = GPTConfig(vocab_size=2, context_length=4, emb_dim=2, n_heads=1, n_layers=1)
        model = GPT(config, KITS[self._numerics]).eval()
        decoding = Decoding(model, [[0]], fast_engine(model, int8=self._int8)())
        for _ in range(2):  # the prompt, and a token after it
            with evaluating(model):
                decoding.next_logits()
            decoding.append([0])
