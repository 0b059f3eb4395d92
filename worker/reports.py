"""What trainer and supervisor say to each other, a line at a time.

Down the trainer's stdin comes, at every renewal of the lease, the moment until which it may run: seconds on
the monotonic clock, which both processes of a host share. Up its stdout go an empty line for each sign of
life, and as the last line how it ended, in JSON.
"""

import json
import os
from dataclasses import asdict, dataclass
from typing import Literal

from jobs.errors import ErrorType

EndKind = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class TrainerEnd:
    """How a trainer ended. `error` and `message` say why it failed."""

    kind: EndKind
    error: ErrorType | None = None
    message: str = ""


class ReportPipe:
    """The trainer's end: writes whole lines to a descriptor that nothing else writes to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def alive(self) -> None:
        os.write(self._descriptor, b"\n")

    def end(self, end: TrainerEnd) -> None:
        os.write(self._descriptor, json.dumps(asdict(end)).encode() + b"\n")


def parse_report(line: bytes) -> TrainerEnd | None:
    """The end that a line tells of; None for a sign of life."""
    return TrainerEnd(**json.loads(line)) if line.strip() else None
