"""The supervisor's view of a trainer: the process, its pipes, and what it has reported."""

import logging
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

from jobs.files.trainer_logs import end_of_log, read_log, readable
from jobs.process.logs import RELAYED, parse_line
from jobs.store.tables import Job
from jobs.validation.terminal import without_controls
from worker.training.log_file import append_to_log
from worker.training.reports import TrainerOutcome, parse_report

log = logging.getLogger(__name__)

LAST_LOG_LINES = 50
PIPE_READ_BYTES = 65536
FOLLOW_INTERVAL_S = 0.5
"""Between two looks for what a trainer has written to its log."""


class TrainerProcess:
    """A trainer process, what it has reported and when, and what it writes to its log.

    log_folder  of its attempt, where it keeps the log (`worker.training.log_file`)
    """

    def __init__(self, process: subprocess.Popen[bytes], job: Job, log_folder: Path) -> None:
        self.process = process
        self.heard_s = time.monotonic()
        self.outcome: TrainerOutcome | None = None
        self.log_lines: deque[str] = deque(maxlen=LAST_LOG_LINES)
        self._job_id = job.id
        self._log_fields = {"request_id": job.request_id, "job_id": job.id, "attempt": job.attempt}
        self._log_folder = log_folder
        self._warnings: set[str] = set()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._closed_reports = threading.Event()
        self._readers = [
            threading.Thread(target=self._read_reports, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_stderr, args=(self.process.stderr,), daemon=True),
            threading.Thread(target=self._follow_log, daemon=True),
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

    def _read_stderr(self, stream: IO[bytes]) -> None:
        """What it writes before it keeps its log, or where it can't."""
        unread = b""
        while received := stream.read(PIPE_READ_BYTES):
            unread += received
            whole, unread = unread[: unread.rfind(b"\n") + 1], unread[unread.rfind(b"\n") + 1 :]
            self._keep(whole)
        self._keep(unread)

    def _keep(self, written: bytes) -> None:
        if not written:
            return
        try:
            append_to_log(self._log_folder, written)  # from where it is read like everything else
        except OSError as error:
            self._warn_once(f"{self._job_id} the log can't be kept: {error}")
            self._show(without_controls(written.decode(errors="replace")))

    def _follow_log(self) -> None:
        """Show what it has kept, until it has ended and all is shown."""
        place = 0
        has_ended = False
        while not has_ended:
            has_ended = self._closed_reports.wait(FOLLOW_INTERVAL_S)
            if has_ended:
                self._readers[1].join()
            try:
                end = end_of_log(self._log_folder, whole_lines=not has_ended)
                for text in readable(read_log(self._log_folder, place, end)):
                    self._show(text)
            except OSError as error:
                self._warn_once(f"{self._job_id} the log can't be read: {error}")
            else:
                place = end

    def _warn_once(self, message: str) -> None:
        """As often as it is tried: twice a second."""
        if message not in self._warnings:
            self._warnings.add(message)
            log.warning(message, extra=self._log_fields)

    def _show(self, text: str) -> None:
        for line in text.removesuffix("\n").split("\n"):
            self.log_lines.append(line)
            if (written := parse_line(line)) is not None:
                log.info(line, extra={RELAYED: written})
            else:
                log.info("%s %s", self._job_id, line, extra=self._log_fields)

    def extend_deadline(self, deadline_s: float) -> None:
        """Let it run until `deadline_s`, on the monotonic clock."""
        self.send(repr(deadline_s))

    def send(self, line: str) -> None:
        """A deadline, or a request of `worker.training.reports`."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n".encode())
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
