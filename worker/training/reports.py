"""The protocol between trainer and supervisor, a line at a time.

Down the trainer's stdin comes, at every renewal of the lease, the deadline until which it may run: seconds on
the monotonic clock, which all processes of a host share; and a word for each request of a person that is not
a signal. Up its stdout go an empty line now and then, as a
sign of life, and as the last line how it ended, in JSON.
"""

import json
import math
import os
import time
from dataclasses import asdict, dataclass
from typing import Literal

from jobs.states import ErrorType
from model.config import EndedBy

FINISH = "finish"
CHECKPOINT = "checkpoint"
"""Requests: to end after the running step as if it were the last; to write a checkpoint, and go on."""

OutcomeKind = Literal["finished", "stopped", "failed"]

INTERVAL_S = 0.1
"""Between signs of life, at least; far below any `PRETRAIN_STALL_S` that makes sense."""


@dataclass(frozen=True)
class TrainerOutcome:
    """How a trainer ended. `error` and `message` say why it failed, `ended_by` why it finished."""

    kind: OutcomeKind
    error: ErrorType | None = None
    message: str = ""
    ended_by: EndedBy | None = None


class ReportPipe:
    """The trainer's end: writes whole lines to a descriptor that nothing else writes to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._reported_s = -math.inf

    def report_alive(self) -> None:
        """Send a sign of life, unless it has just done so: each line takes a core from the training for a
        moment, and there are hundreds a second while a small model writes a sample."""
        now = time.monotonic()
        if now - self._reported_s >= INTERVAL_S:
            self._reported_s = now
            os.write(self._descriptor, b"\n")

    def report_outcome(self, outcome: TrainerOutcome) -> None:
        os.write(self._descriptor, json.dumps(asdict(outcome)).encode() + b"\n")


def parse_report(line: bytes) -> TrainerOutcome | None:
    """The outcome that a line reports; None for a sign of life."""
    return TrainerOutcome(**json.loads(line)) if line.strip() else None
