"""A whole `pretrain up` to measure, and jobs that are posted to it."""

import tempfile
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
    mark = f"PRETRAIN_DATA_DIR={data_dir}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().rstrip(b"\0")
            waits = b" worker.spare " in command and command.endswith(b"ready")
            if waits and mark in (folder / "environ").read_bytes().split(b"\0"):
                return True
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended since, or is another user's
    return False


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
