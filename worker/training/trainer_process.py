"""The supervisor's view of a trainer: the process, its pipes, and what it has reported."""

import logging
import signal
import subprocess
import threading
import time
from collections import deque
from typing import IO

from worker.training.reports import TrainerOutcome, parse_report

log = logging.getLogger(__name__)

LAST_LOG_LINES = 50
PIPE_READ_BYTES = 65536


class TrainerProcess:
    """A trainer process, what it has reported and when."""

    def __init__(self, process: subprocess.Popen[bytes], job_id: str) -> None:
        self.process = process
        self.heard_s = time.monotonic()
        self.outcome: TrainerOutcome | None = None
        self.log_lines: deque[str] = deque(maxlen=LAST_LOG_LINES)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._closed_reports = threading.Event()
        self._readers = [
            threading.Thread(target=self._read_reports, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(self.process.stderr, job_id), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_reports(self, reports: IO[bytes]) -> None:
        # Unbuffered pipes have no readline worth its system calls: a read takes all signs of life at once.
        unread = b""
        try:
            while received := reports.read(PIPE_READ_BYTES):
                self.heard_s = time.monotonic()
                *lines, unread = (unread + received).split(b"\n")
                for line in lines:
                    self.outcome = parse_report(line) or self.outcome
        finally:
            self._closed_reports.set()

    def _read_log(self, stream: IO[bytes], job_id: str) -> None:
        unread = b""
        while received := stream.read(PIPE_READ_BYTES):
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                self.log_lines.append(text)
                log.info("%s %s", job_id, text)

    def extend_deadline(self, deadline_s: float) -> None:
        """Let it run until `deadline_s`, on the monotonic clock."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{deadline_s!r}\n".encode())
        except BrokenPipeError:
            log.info("the trainer has exited")  # its status is seen at the next tick

    def request_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()

    def wait(self, timeout_s: float) -> int | None:
        """Its exit status once all its reports have been read; None while it runs.

        Its exit closes the pipe. Waiting for that first spares the training 50 wake-ups of this process a
        second: `Popen.wait` asks the kernel again and again.
        """
        if not self._closed_reports.wait(timeout_s):
            return None
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return status
