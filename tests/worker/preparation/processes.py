"""The processes that preparations are done in."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.worker.processes import state_of
from worker.preparation import work_process

STOPPED_AT_FIRST = ("/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh")
"""What a command is put behind that is to stand still before it begins."""


def started(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], object], *, goes_on: bool = True
) -> list[Any]:
    """The processes that are started from now on, with each of which `act` is called before it does anything:
    however late that is, its work is not done yet.

    goes_on  False: then they hang
    """
    processes: list[Any] = []
    start = work_process.start_process

    def stopped(command: Sequence[str], **options: Any) -> Any:
        return subprocess.Popen([*STOPPED_AT_FIRST, *command], **options)

    def start_and_act(*arguments: Any) -> Any:
        process = start(*arguments)
        processes.append(process)
        wait_until(lambda: state_of(process.pid) == "T", "it stood still")
        act(process)
        if goes_on:
            os.kill(process.pid, signal.SIGCONT)
        return process

    monkeypatch.setattr(work_process, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": stopped}))
    monkeypatch.setattr(work_process, "start_process", start_and_act)
    return processes
