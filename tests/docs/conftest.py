"""What documents' commands run against: a service for all that need no token, and others of their own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.running import ROOT, Running, environment_on, processes_of
from tests.gpt2_files import write_model
from tests.waiting import PATIENCE_S, wait_until

SAMPLE = ROOT / "jobs" / "files" / "texts" / "sample.txt"
LIMIT_S = 600
"""Several times as long as a document takes on the slowest machine."""

FEW_PROCESSES = {"PRETRAIN_THREADS": "1", "PRETRAIN_SPARE_TRAINER": "false"}
"""Settings with which a service leaves most of a small machine to the commands."""

Run = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A ready service without tokens."""
    with service(tmp_path_factory.mktemp("open") / "data") as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """A ready service of the test's own, which may be given tokens."""
    with service(tmp_path / "data") as running:
        yield running


@contextmanager
def service(data_dir: Path, **variables: str) -> Iterator[Running]:
    environment = environment_on(data_dir, **FEW_PROCESSES, **variables)
    running = Running(["up", "--port", "0"], environment)
    try:
        running.wait_for("pretrain is ready.")
        yield running
    finally:
        running.send(signal.SIGTERM)
        running.process.wait(PATIENCE_S)
    wait_until(lambda: not processes_of(data_dir), "all processes were gone")


def reader_of(folder: Path, environment: dict[str, str], url: str | None = None) -> Run:
    """Runs a script as a reader would who has the documents' example files in the folder. What curl gets from
    the service must be no error.

    url  of the service, in place of the address that the documents have
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SAMPLE, folder / "my-story.txt")
    write_model(folder / "gpt2")
    (folder / ".curlrc").write_text("fail\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    def run(script: str) -> subprocess.CompletedProcess[str]:
        if url is not None:
            address = url.removeprefix("http://")
            script = script.replace("127.0.0.1:8000", address).replace("localhost:8000", address)
        return subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**environment, "PATH": path, "TERM": "dumb", "CURL_HOME": str(folder)},
            check=False,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
        )

    return run
