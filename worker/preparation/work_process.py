"""Work of a preparation that is done in a process of its own: `python -m MODULE PARENT_PID ...`, which prints
how far it is, a number on each line, and last its result on one line.

Its memory goes with it, and a worker that is asked to end can end it. Nor does it hold up the worker, whose
other threads renew leases and say that it lives: while PyTorch is loaded no other thread runs, which beside a
trainer, that goes first, can be half a minute.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from jobs.settings import Settings
from worker.oom import kernel_oom_kills
from worker.preparation.preparer import ProcessLost
from worker.process_use import process_use

STDERR_BYTES = 4000

OnProgress = Callable[[float], object]


@dataclass(frozen=True)
class Work:
    module: str
    arguments: Sequence[object]
    """Behind the worker's process id."""
    total: int
    """What the numbers that it prints count up to."""
    deed: str
    """What it does, for a message: the process that `deed` was killed."""
    environment: Mapping[str, str] = field(default_factory=dict)


def run_process(settings: Settings, work: Work, on_progress: OnProgress) -> bytes:
    """The last line that it prints. It is killed if `on_progress` raises.

    on_progress  called again and again with the share that is done, as long as the work gets on; may raise
    raises       ProcessLost
    """
    on_progress(0.0)
    oom_kills = kernel_oom_kills()
    process = start_process(work)
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = Lines(process.stdout), Tail(process.stderr)
    try:
        last = follow(settings, work, process, output, on_progress)
        status = process.wait()
    finally:
        process.kill()
        process.wait()
        output.join()
        errors.join()
        process.stdout.close()
        process.stderr.close()
    if status == -signal.SIGKILL and kernel_oom_kills() > oom_kills:
        raise ProcessLost(f"the system has killed the process that {work.deed}: there was too little memory")
    if status != 0 or last is None:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise ProcessLost(f"the process that {work.deed} {how}{errors.last_line()}")
    return last


def start_process(work: Work) -> subprocess.Popen[bytes]:
    """As nice as this process is."""
    arguments = [str(argument) for argument in (os.getpid(), *work.arguments)]
    return subprocess.Popen(
        [sys.executable, "-m", work.module, *arguments],
        env={**os.environ, **work.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def follow(
    settings: Settings, work: Work, process: subprocess.Popen[bytes], lines: "Lines", report: OnProgress
) -> bytes | None:
    """The last line that the process prints; None if it has ended without.

    raises  ProcessLost if it does nothing for as long as a lease: it may say nothing for long, but works
    """
    fraction, last = 0.0, None
    worked_s, got_on_at_s = processor_s(process.pid), time.monotonic()
    while True:
        try:
            line = lines.get(settings.renew_s)
        except queue.Empty:
            now_worked_s = processor_s(process.pid)
            if now_worked_s is not None and now_worked_s == worked_s:
                if time.monotonic() - got_on_at_s > settings.lease_s:
                    raise ProcessLost(f"the process that {work.deed} hangs") from None
                continue
            worked_s = now_worked_s
        else:
            if line is None:
                return last
            last = line
            if line.isdigit():
                fraction, last = min(1.0, int(line) / work.total), None
        got_on_at_s = time.monotonic()
        report(fraction)


def processor_s(pid: int) -> float | None:
    """Seconds of processor time that a process has had; None if that is not known, or it is gone."""
    try:
        return process_use(pid)[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


class Lines:
    """Those that a process prints, read by a thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.put(line.rstrip(b"\n"))
        self._lines.put(None)

    def get(self, timeout_s: float) -> bytes | None:
        """The next; None at the end. raises queue.Empty"""
        return self._lines.get(timeout=timeout_s)

    def join(self) -> None:
        self._thread.join()


class Tail:
    """The end of what a process writes, read by a thread so that it never waits for a reader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._content = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while block := self._stream.read1(STDERR_BYTES):  # type: ignore[attr-defined]
            self._content = (self._content + block)[-STDERR_BYTES:]

    def join(self) -> None:
        self._thread.join()

    def last_line(self) -> str:
        lines = self._content.decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""
