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


IDLE_S = 0.5
IDLE_CORES = 0.1
"""While it imports or compiles, a service uses one core or two, else a tenth of this."""


def wait_until_warm(stack: Stack) -> None:
    """Return when the next job finds a trainer that has imported what it needs, and nothing else of the
    service still does so: its generation worker compiles when it starts."""
    while not (has_prewarmed_trainer() and is_idle(stack)):
        stack.supervise(0.1)


def has_prewarmed_trainer() -> bool:
    """Whether a trainer that has imported PyTorch waits for a job."""
    commands = [process.command for process in descendants()]
    return any(b" worker.training.prewarm " in command and command.endswith(b"ready") for command in commands)


def is_idle(stack: Stack) -> bool:
    cpu_time = CpuTime()
    stack.supervise(IDLE_S)
    return cpu_time.used_s() < IDLE_CORES * IDLE_S


@dataclass(frozen=True)
class Process:
    number: int
    parent: int
    command: bytes
    cpu_s: float


def descendants() -> list[Process]:
    """The processes that this one has started, directly or indirectly. They are found by their parents,
    because a process that has given itself a title, as Celery does, no longer shows its environment."""
    processes = list(all_processes())
    result: list[Process] = []
    parents = {os.getpid()}
    while parents:
        children = [process for process in processes if process.parent in parents]
        result += children
        parents = {child.number for child in children}
    return result


def all_processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().rstrip(b"\0")
            # From the third field on: a name in brackets before it may hold spaces.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
        ticks = int(fields[11]) + int(fields[12])  # utime and stime: proc_pid_stat(5)
        yield Process(int(folder.name), int(fields[1]), command, ticks / os.sysconf("SC_CLK_TCK"))


class CpuTime:
    """CPU time that the service uses from now on, this process with its polling included.

    Counted are processes that run now and at the end: neither a trainer that ends in between nor the
    prewarmed one that is started after it.
    """

    def __init__(self) -> None:
        self._own_s = time.process_time()
        self._before = {process.number: process.cpu_s for process in descendants()}

    def used_s(self) -> float:
        own_s = time.process_time() - self._own_s
        remaining = [process for process in descendants() if process.number in self._before]
        return own_s + sum(process.cpu_s - self._before[process.number] for process in remaining)


def wait_for_success(stack: Stack, client: Client, job: dict[str, Any], poll_s: float) -> dict[str, Any]:
    """The job's record when it has succeeded; SystemExit if it ends otherwise."""
    while job["status"] in ("queued", "running"):
        stack.supervise(poll_s)
        job = client.job(job["id"])
    if job["status"] != "succeeded":
        raise SystemExit(f"the job {job['status']}: {job['error']}")
    return job


def timestamp(iso_time: str) -> float:
    """Seconds since 1970 of a time of the API."""
    return datetime.fromisoformat(iso_time).timestamp()
