"""`pretrain` commands as real processes, and stand-ins for the processes that `up` starts."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from client.main import run
from tests import sweeps
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]
FAKES = Path(__file__).parent / "fakes"
# A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
RUN = (
    "import signal; from client.main import run; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "signal.signal(signal.SIGINT, signal.default_int_handler); run()"
)


def environment_on(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment of a command whose state lies under `data_dir`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PRETRAIN_") or name == "PRETRAIN_DATASET_MIRROR"
    }
    # Celery's titles would overwrite what /proc tells of the environment: see `processes_of`.
    own = {"SPT_NOENV": "1", "PRETRAIN_DATA_DIR": str(data_dir), "PRETRAIN_CALIBRATE": "false"}
    if sweeps.reach != "whole":
        # Each generation worker compiles its decode step, which takes 3 s of a core instead of 5. What is
        # optimised is tested in the tests' own process.
        own["NUMBA_OPT"] = "0"
    return {**inherited, **own, **variables}


def stand_in_environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """The same, where `python -m api` and its kin run the stand-ins."""
    python_path = os.pathsep.join([str(FAKES), str(ROOT)])
    return environment_on(data_dir, PYTHONPATH=python_path, **variables)


def finished(
    arguments: Sequence[str | bytes], environment: dict[str, str], **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """A `pretrain` command that has ended; `options` are those of `subprocess.run`."""
    command = [sys.executable, "-c", RUN, *arguments]
    return subprocess.run(
        command, env=environment, check=False, stdin=subprocess.DEVNULL, timeout=PATIENCE_S, **options
    )


class Running:
    """A `pretrain` command that runs beside the test; its output is in `out` and `err`."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.environment = environment
        self.data_dir = Path(environment["PRETRAIN_DATA_DIR"])
        number = len(list(self.data_dir.parent.glob("*.err")))
        self._out, self._err = (self.data_dir.parent / f"{number}.{kind}" for kind in ("out", "err"))
        with self._out.open("w") as out, self._err.open("w") as err:
            command = [sys.executable, "-c", RUN, *arguments]
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def url(self) -> str:
        return (self.data_dir / "url").read_text().strip()

    def wait_for(self, text: str) -> None:
        """Wait until the command has printed `text`; it must not end before."""

        def printed() -> bool:
            assert self.process.poll() is None or text in self.out + self.err, self.out + self.err
            return text in self.out + self.err

        wait_until(printed, f"{text!r} was printed")

    def run(self, *arguments: str, status: int = 0) -> str:
        """What another `pretrain` command on this data folder prints; it must end with `status`."""
        command = [sys.executable, "-c", RUN, *arguments]
        ran = subprocess.run(
            command, env=self.environment, check=False, text=True, capture_output=True, timeout=300
        )
        assert ran.returncode == status, f"{arguments} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def call(self, *words: str, status: int = 0) -> str:
        """As `run`, but in this process, which takes no time to start."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with (
            patch.dict(os.environ, self.environment, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            run(list(words))
        printed, complaint = (file.buffer.getvalue().decode() for file in (out, err))
        assert ended.value.code == status, f"{words} ended with {ended.value.code}: {printed}{complaint}"
        return printed

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit status."""
        return self.process.wait(PATIENCE_S)

    def pid(self, name: str) -> int:
        """Of a stand-in, once it runs: that the service is ready does not say that each of them does."""
        file = self.data_dir / "pids" / name
        wait_until(file.exists, f"{name} ran")
        return int(file.read_text())

    def processes(self) -> dict[int, str]:
        return processes_of(self.data_dir)


def processes_of(data_dir: Path) -> dict[int, str]:
    """Command lines, by process id, of all living processes whose environment names this data folder."""
    mark = f"PRETRAIN_DATA_DIR={data_dir}".encode()
    command_lines = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                command_lines[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                )
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or is another user's
    return command_lines
