"""A whole `pretrain up` to measure, and jobs that are posted to it."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from client.address import Address
from client.http.client import Client
from client.local.stack import Stack
from client.local.start import local_stack
from jobs.settings import Settings

Record = dict[str, Any]


@contextmanager
def running_service() -> Iterator[tuple[Stack, Client]]:
    """A service in a temporary folder, and a client of it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0)
        say = Console(stderr=True).print
        with (
            local_stack(settings, is_port_fixed=True, report=say) as stack,
            Client(Address(stack.url, "the benchmark")) as client,
        ):
            yield stack, client


REST_S = 0.5
AT_REST = 0.1
"""Of a processor. While it imports or compiles, a service uses all of one or two, else a tenth of this."""


def wait_until_warm(stack: Stack) -> None:
    """Return when the next job finds a trainer that has imported what it needs, and nothing else of the
    service still does so: its generation worker compiles when it starts."""
    while not (has_spare() and is_at_rest(stack)):
        stack.supervise(0.1)


def has_spare() -> bool:
    """Whether a process of the service waits for a job."""
    commands = [process.command for process in started()]
    return any(b" worker.training.prewarm " in command and command.endswith(b"ready") for command in commands)


def is_at_rest(stack: Stack) -> bool:
    watched = ProcessorTime()
    stack.supervise(REST_S)
    return watched.used_s() < AT_REST * REST_S


@dataclass(frozen=True)
class Process:
    number: int
    parent: int
    command: bytes
    used_s: float
    """Of a processor."""


def started() -> list[Process]:
    """What this process has started, and what those have. Nothing else tells them all: a process that has
    given itself a title, as Celery does, no longer tells its environment."""
    everything = list(every_process())
    found: list[Process] = []
    parents = {os.getpid()}
    while parents:
        children = [process for process in everything if process.parent in parents]
        found += children
        parents = {child.number for child in children}
    return found


def every_process() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().rstrip(b"\0")
            # From the third field on: a name in brackets before it may hold spaces.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
        ticks = int(fields[11]) + int(fields[12])  # utime and stime: proc_pid_stat(5)
        yield Process(int(folder.name), int(fields[1]), command, ticks / os.sysconf("SC_CLK_TCK"))


class ProcessorTime:
    """Seconds of a processor that the service uses from now on, this process with its polling included.

    Counted are the processes there are now and at the end: neither a trainer that ends in between nor the
    spare one that is started after it.
    """

    def __init__(self) -> None:
        self._own_s = time.process_time()
        self._before = {process.number: process.used_s for process in started()}

    def used_s(self) -> float:
        own_s = time.process_time() - self._own_s
        stayed = [process for process in started() if process.number in self._before]
        return own_s + sum(process.used_s - self._before[process.number] for process in stayed)


def wait_for_success(
    stack: Stack, client: Client, job: dict[str, Any], look_every_s: float
) -> dict[str, Any]:
    """The job's record when it has succeeded; SystemExit if it ends otherwise."""
    while job["status"] in ("queued", "running"):
        stack.supervise(look_every_s)
        job = client.job(job["id"])
    if job["status"] != "succeeded":
        raise SystemExit(f"the job {job['status']}: {job['error']}")
    return job


def moment(written: str) -> float:
    """Seconds since 1970 of a time as the API writes it."""
    return datetime.fromisoformat(written).timestamp()
