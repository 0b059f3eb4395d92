"""Loading models beside the computing, one at a time, in a thread of its own."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch

from model.manifest import CheckpointError
from worker.generation.models import CheckpointRef, LoadedModel, Models
from worker.oom import find_oom_error

OVERDUE_S = 120
"""After so long loading hangs; what the model's size takes is added."""
PARAMETERS_PER_S = 10e6
"""That the slowest healthy machine loads."""


@dataclass(frozen=True)
class LoadResult:
    """What has come of loading a model."""

    checkpoint: CheckpointRef
    current: dict[str, CheckpointRef | BaseException]
    """By the names that it was asked for by, which checkpoint each is by now."""
    model: LoadedModel | None
    error: BaseException | None
    """Why there is no model, where a name in `current` still means it."""
    load_s: float


class ModelLoader:
    """Loads models for one other thread, which calls everything here.

    on_loaded  called in the loader's thread with each result; the other thread then calls `collect`
    """

    def __init__(self, models: Models, on_loaded: Callable[[LoadResult], object]) -> None:
        self._models = models
        self._on_loaded = on_loaded
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader")
        self._checkpoint: CheckpointRef | None = None
        self._began_s = 0.0

    @property
    def is_loading(self) -> bool:
        return self._checkpoint is not None

    @property
    def deadline_s(self) -> float | None:
        """By the monotonic clock, when loading should have ended; None while nothing is loaded."""
        if (checkpoint := self._checkpoint) is None:
            return None
        return self._began_s + OVERDUE_S + checkpoint.parameters / PARAMETERS_PER_S

    def start(self, checkpoint: CheckpointRef, names: set[str], is_bound: bool) -> None:
        """Load the model of a checkpoint that was asked for by these names.

        is_bound  a text that it has begun waits for it, whatever the names mean by now
        """
        self._began_s = time.monotonic()
        self._checkpoint = checkpoint
        self._executor.submit(self._load, checkpoint, names, is_bound)

    def collect(self) -> None:
        """Take note that the result has arrived: the next model may be loaded."""
        self._checkpoint = None

    def close(self) -> None:
        self._executor.shutdown(wait=False)

    def _load(self, checkpoint: CheckpointRef, names: set[str], is_bound: bool) -> None:
        began_s = time.monotonic()
        # The computing thread has an OpenMP team already, which another one would contend with.
        torch.set_num_threads(1)
        current = {name: attempt(partial(self._models.find, checkpoint.owner_id, name)) for name in names}
        model: LoadedModel | None = None
        error: BaseException | None = None
        try:
            if is_bound or checkpoint in current.values():
                model = self._models.load(checkpoint)
        except BaseException as load_error:
            error = load_error
        if isinstance(error, CheckpointError) and not find_oom_error(error):
            for name in [name for name, ref in current.items() if ref == checkpoint]:
                current[name] = attempt(partial(self._models.find_replacement, checkpoint, name, error))
            error = None
        self._on_loaded(LoadResult(checkpoint, current, model, error, time.monotonic() - began_s))


def attempt(find: Callable[[], CheckpointRef]) -> CheckpointRef | BaseException:
    """What `find` returns, or raises."""
    try:
        return find()
    except BaseException as error:
        return error
