"""The trainer's stdout and stderr, written to the disk by the trainer itself: see `jobs.files.trainer_logs`.

A pipe would lose what is in it with the process that reads it. Descriptors that lead to a file lose nothing,
whoever prints, Python or native code, and whoever is killed. The price: the length of a segment is looked at
once a second, so a trainer that floods its log takes the disk space of a second's flood until then. What a
child process writes after its trainer has gone on to another segment is not shown.
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from jobs.files.trainer_logs import (
    HEAD_BYTES,
    NEXT_SEGMENT,
    SEGMENT_BYTES,
    TAIL_BYTES,
    Segment,
    list_segments,
    segment_name,
)

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
STDOUT_AND_STDERR = (1, 2)
APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
COPY_BYTES = 2**20
PARTIAL = "partial"
"""A copy that has not been given its name yet, and is no segment."""


def append_to_log(folder: Path, data: bytes) -> None:
    """Add what a trainer has written before it had its log. raises OSError"""
    folder.mkdir(parents=True, exist_ok=True)
    segments = list_segments(folder)
    descriptor = os.open(segments[-1].path if segments else folder / segment_name(0), APPENDING, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


class LogFile:
    """Where some descriptors of this process lead from now on. raises  OSError if the folder can't be
    written in; they then lead where they did

    folder  of the attempt
    """

    def __init__(self, folder: Path, descriptors: Sequence[int] = STDOUT_AND_STDERR) -> None:
        self._folder = folder
        self._descriptors = descriptors
        folder.mkdir(parents=True, exist_ok=True)
        segments = list_segments(folder)
        self._start = segments[-1].start if segments else 0
        """Of the newest segment."""
        self._is_unnamed = False
        self._lead_to(folder / segment_name(self._start))

    def watch(self) -> None:
        """Look every second whether there is to be another segment, until this process ends."""
        threading.Thread(target=self._run, name="log file", daemon=True).start()

    def _run(self) -> None:
        last_error = ""
        while True:
            time.sleep(INTERVAL_S)
            try:
                self.rotate_if_full()
            except FileNotFoundError:
                return  # the job has been deleted, and this attempt has been overtaken
            except OSError as error:  # it is tried again: a full disk may have room by then
                if str(error) != last_error:
                    last_error = str(error)
                    log.warning("the log can't be rotated yet: %s", error)

    def rotate_if_full(self) -> None:
        """Go on in another segment if this one is long enough, and drop those that are not to be kept."""
        if self._is_unnamed:
            self._name_segment()
        if os.fstat(self._descriptors[0]).st_size < SEGMENT_BYTES:
            return
        full = os.dup(self._descriptors[0])
        try:
            self._lead_to(self._folder / NEXT_SEGMENT)
            # Only now nothing is added to it any more.
            self._start += os.fstat(full).st_size
        finally:
            os.close(full)
        self._is_unnamed = True
        self._name_segment()
        for segment in list_segments(self._folder)[:-1]:
            self._drop(segment)

    def _lead_to(self, path: Path) -> None:
        opened = os.open(path, APPENDING, 0o644)
        for descriptor in self._descriptors:
            os.dup2(opened, descriptor)
        os.close(opened)

    def _name_segment(self) -> None:
        os.rename(self._folder / NEXT_SEGMENT, self._folder / segment_name(self._start))
        self._is_unnamed = False

    def _drop(self, segment: Segment) -> None:
        """Drop what of a finished segment belongs neither to the head nor to the tail. A little more may
        stay, so that nothing is copied unless a trainer has flooded its log."""
        tail_start = self._start - TAIL_BYTES
        is_head, has_tail = segment.start == 0, segment.end > tail_start
        needless_bytes = min(segment.end, tail_start) - (HEAD_BYTES if is_head else segment.start)
        if (is_head or has_tail) and needless_bytes <= SEGMENT_BYTES:
            return
        if has_tail:
            self._copy_tail(segment, tail_start)
        if is_head:
            os.truncate(segment.path, HEAD_BYTES)
        else:
            segment.path.unlink(missing_ok=True)

    def _copy_tail(self, segment: Segment, start: int) -> None:
        """A segment of its own for the bytes from place `start` on."""
        copy = self._folder / PARTIAL
        with segment.path.open("rb") as source, copy.open("wb") as target:
            source.seek(start - segment.start)
            shutil.copyfileobj(source, target, COPY_BYTES)
        copy.rename(self._folder / segment_name(start))
