"""The checkpoints that prompts ask for, and the models loaded from them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from jobs.lifecycle.checkpoints import find_checkpoint
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.ids import is_model_id
from jobs.store.imported_models import get_ready_model
from jobs.store.lookup import get_job, newest_with_checkpoint
from jobs.store.tables import ImportedModel
from model.checkpoint import load_model
from model.config import GPTConfig
from model.evaluation import evaluating
from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.engine import Engine, fast_engine
from model.layers.kit import KITS
from model.manifest import CheckpointError, Manifest, checkpoint_tokenizer, read_manifest
from model.numerics import pick_device, resolve_numerics
from model.tokenizers import Tokenizer

log = logging.getLogger(__name__)

MAX_TRIES = 20
"""A job that trains replaces checkpoints; each try takes milliseconds, and finds the newest."""


@dataclass(frozen=True)
class CheckpointRef:
    """A checkpoint as the database lists it. Two are the same model only if all of it is equal."""

    owner_id: str
    """The job's id, or that of a model from outside."""
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


class CheckpointDamaged(Exception):
    """A listed checkpoint can't be read; the message names no path."""


class Models:
    """Finds checkpoints and loads them, for the device that there is."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._artifacts = settings.artifacts
        self._database = database
        self._int8 = settings.generate_int8
        self._device = pick_device()
        self._numerics = resolve_numerics("auto", self._device)

    def find(self, owner_id: str | None, name: str) -> CheckpointRef:
        """Which checkpoint `last`, `best` or a step is now. raises NotFound

        owner_id  of a job or of a model from outside; None: of the newest job that has a checkpoint
        """
        with self._database.read() as session:
            if owner_id is not None and is_model_id(owner_id):
                return ref_of_model(get_ready_model(session, owner_id))
            job = newest_with_checkpoint(session) if owner_id is None else get_job(session, owner_id)
            row = find_checkpoint(session, job.id, name)
            return CheckpointRef(job.id, row.step, row.directory, row.sha256, job.parameters)

    def find_with_manifest(
        self, owner_id: str | None, name: str
    ) -> tuple[CheckpointRef, Manifest, Tokenizer]:
        """Which it is, what it says of itself, and its tokenizer. raises  NotFound, CheckpointDamaged"""
        checkpoint = self.find(owner_id, name)
        for _ in range(MAX_TRIES):
            directory = self._artifacts / checkpoint.directory
            try:
                manifest = read_manifest(directory)
                return checkpoint, manifest, checkpoint_tokenizer(directory, manifest)
            except CheckpointError as error:
                checkpoint = self.find_replacement(checkpoint, name, error)
        raise damaged(checkpoint)

    def load(self, checkpoint: CheckpointRef) -> LoadedModel:
        """For generation. raises CheckpointError if it is gone or damaged"""
        model, _ = load_model(self._artifacts / checkpoint.directory, self._device, self._numerics)
        return LoadedModel(model, fast_engine(model, int8=self._int8))

    def find_replacement(self, checkpoint: CheckpointRef, name: str, error: CheckpointError) -> CheckpointRef:
        """The newer checkpoint that has replaced one that could not be read.

        raises  NotFound if it was deleted without one, CheckpointDamaged if it should be there
        """
        current = self.find(checkpoint.owner_id, name)
        if current == checkpoint:
            log.error("checkpoint %s: %s", checkpoint.directory, error)
            raise damaged(checkpoint)
        return current

    def warm_up(self) -> None:
        """On the CPU, compile what would take some seconds of a process's first text."""
        if self._device.type != "cpu":
            return
        config = GPTConfig(vocab_size=2, context_length=4, emb_dim=2, n_heads=1, n_layers=1)
        model = GPT(config, KITS[self._numerics]).eval()
        decoding = Decoding(model, [[0]], fast_engine(model, int8=self._int8)())
        for _ in range(2):  # the prompt, and a token after it
            with evaluating(model):
                decoding.next_logits()
            decoding.append([0])


def ref_of_model(model: ImportedModel) -> CheckpointRef:
    """Of one that is ready."""
    assert model.directory is not None
    assert model.sha256 is not None
    return CheckpointRef(model.id, 0, model.directory, model.sha256, model.parameters or 0)


def damaged(checkpoint: CheckpointRef) -> CheckpointDamaged:
    owner = checkpoint.owner_id
    if is_model_id(owner):
        return CheckpointDamaged(f"the model {owner} is damaged")
    return CheckpointDamaged(f"the checkpoint of step {checkpoint.step} of job {owner} is damaged")
