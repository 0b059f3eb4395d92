"""A whole `pretrain up` to measure, and jobs that are posted to it."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from client.address import Address
from client.http import Client
from client.stack import Stack, local_stack
from jobs.settings import Settings

Record = dict[str, Any]


@contextmanager
def running_service() -> Iterator[tuple[Stack, Client]]:
    """A service in a temporary folder, and a client of it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0)
        say = Console(stderr=True).print
        with (
            local_stack(settings, port_asked_for=True, say=say) as stack,
            Client(Address(stack.url, "the benchmark")) as client,
        ):
            yield stack, client


def wait_for_spare(stack: Stack) -> None:
    """Return when the next job finds the service warm: with a trainer that has imported what it needs."""
    while not has_spare(stack.data_dir):
        stack.tend(0.1)


def has_spare(data_dir: Path) -> bool:
    """Whether a process of the service waits for a job."""
    commands = [command for command, _ in processes(data_dir).values()]
    return any(b" worker.spare " in command and command.endswith(b"ready") for command in commands)


def processes(data_dir: Path) -> dict[int, tuple[bytes, float]]:
    """Those of the service, by number: their command lines, and the seconds of a processor they have used."""
    mark = f"PRETRAIN_DATA_DIR={data_dir}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().rstrip(b"\0")
                # From the third field on: a name in brackets before it may hold spaces.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                used = int(fields[11]) + int(fields[12])  # utime and stime: proc_pid_stat(5)
                found[int(folder.name)] = (command, used / os.sysconf("SC_CLK_TCK"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended since, or is another user's
    return found


class ProcessorTime:
    """Seconds of a processor that the service uses from now on, this process with its polling included.

    Counted are the processes there are now and at the end: neither a trainer that ends in between nor the
    spare one that is started after it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._own_s = time.process_time()
        self._before = processes(data_dir)

    def used_s(self) -> float:
        after = processes(self._data_dir)
        stayed = self._before.keys() & after.keys()
        own_s = time.process_time() - self._own_s
        return own_s + sum(after[number][1] - self._before[number][1] for number in stayed)


def wait_for_success(
    stack: Stack, client: Client, job: dict[str, Any], look_every_s: float
) -> dict[str, Any]:
    """The job's record when it has succeeded; SystemExit if it ends otherwise."""
    while job["status"] in ("queued", "running"):
        stack.tend(look_every_s)
        job = client.job(job["id"])
    if job["status"] != "succeeded":
        raise SystemExit(f"the job {job['status']}: {job['error']}")
    return job


def moment(written: str) -> float:
    """Seconds since 1970 of a time as the API writes it."""
    return datetime.fromisoformat(written).timestamp()
