"""A whole `pretrain up` to measure, and jobs that are posted to it; or its API alone."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from client.address import Address
from client.api.pretrain import Pretrain
from client.local import valkey
from client.local.ports import free_port
from client.local.probe import api_responds
from client.local.services import ALL_SERVICES
from client.local.stack import Stack
from client.local.start import local_stack
from client.records import Job
from jobs.settings import Settings
from jobs.store.database import Database
from migrations.upgrade import upgrade

Record = dict[str, Any]

POLL_S = 0.1


@contextmanager
def running_service() -> Iterator[tuple[Stack, Pretrain]]:
    """A service in a temporary folder, and a client of it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0)
        say = Console(stderr=True).print
        with (
            local_stack(settings, is_port_fixed=True, report=say, essential=ALL_SERVICES) as stack,
            Pretrain(Address(stack.url, "the benchmark")) as client,
        ):
            stack.wait_until_ready()
            yield stack, client


@dataclass(frozen=True)
class Api:
    settings: Settings
    url: str
    number: int
    """Of its process."""


@contextmanager
def running_api() -> Iterator[Api]:
    """An API with its broker in a temporary folder, without workers: nobody takes the jobs that the caller
    stores."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:

        def run(*command: str, **variables: str) -> int:
            environment, quiet = {**os.environ, "PRETRAIN_DATA_DIR": folder, **variables}, subprocess.DEVNULL
            process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
            processes.callback(process.wait)
            processes.callback(process.terminate)
            return process.pid

        config, redis_url = valkey.write_config(Path(folder))
        run(str(valkey.find_server()), str(config))
        settings = Settings(data_dir=Path(folder), redis_url=redis_url, port=free_port("127.0.0.1"))
        with closing(Database(settings.database)) as database:
            upgrade(database)
        url = f"http://127.0.0.1:{settings.port}"
        command = (sys.executable, "-m", "api")
        number = run(*command, PRETRAIN_REDIS_URL=redis_url, PRETRAIN_PORT=str(settings.port))
        while not (valkey.responds(redis_url) and api_responds(url)):
            time.sleep(POLL_S)
        yield Api(settings, url, number)


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


def wait_for_success(stack: Stack, client: Pretrain, job: Job, poll_s: float) -> Job:
    """The job's record when it has succeeded; SystemExit if it ends otherwise."""
    while job["status"] in ("queued", "running"):
        stack.supervise(poll_s)
        job = client.jobs.get(job["id"])
    if job["status"] != "succeeded":
        raise SystemExit(f"the job {job['status']}: {job['error']}")
    return job


def timestamp(iso_time: str | None) -> float:
    """Seconds since 1970 of a time of the API, which has come."""
    assert iso_time is not None
    return datetime.fromisoformat(iso_time).timestamp()
