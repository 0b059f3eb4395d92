"""Trainers that do not run away from a test."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.worker.training.held_trainer import GO_ON, HELD_AT_STEP
from worker.training import launch

HeldAt = Callable[[int], AbstractContextManager[None]]


@pytest.fixture
def held_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeldAt:
    """Trainers that are started within its block go no further than this step, unless they are stopped, until
    the block ends: what the test does at an earlier one finds them training, however late it comes."""
    begin = launch.launch

    def begin_held(module: str, *arguments: str, **options: Any) -> Any:
        assert module == "worker.trainer"
        return begin("tests.worker.training.held_trainer", module, *arguments, **options)

    @contextmanager
    def held_at(step: int) -> Iterator[None]:
        go_on = tmp_path / "go-on"
        go_on.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(launch, "launch", begin_held)
            patch.setenv(HELD_AT_STEP, str(step))
            patch.setenv(GO_ON, str(go_on))
            try:
                yield
            finally:
                go_on.touch()

    return held_at
