"""The processes that preparations are done in."""

from collections.abc import Callable
from typing import Any

import pytest

from worker.preparation import work_process


def started(monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], object]) -> list[Any]:
    """The processes that are started from now on, with each of which `act` is called."""
    processes: list[Any] = []
    start = work_process.start_process

    def start_and_act(*arguments: Any) -> Any:
        process = start(*arguments)
        processes.append(process)
        act(process)
        return process

    monkeypatch.setattr(work_process, "start_process", start_and_act)
    return processes
