"""The statuses of a job, the transitions between them, and why an attempt failed.

`jobs.lifecycle` changes a status along these transitions alone.
"""

from enum import StrEnum
from typing import Any, Literal


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


Stopping = Literal["cancel", "pause", "finish"]
"""What a person may ask of a running job. `finish` outlives an attempt that is lost: the next one obeys."""

TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    # It fails without having run where its text, once it is tokenised, turns out not to be enough.
    Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.QUEUED, Status.PAUSED, *TERMINAL}),
    Status.PAUSED: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


HINTS: dict[tuple[str, Status], str] = {
    ("delete", Status.QUEUED): "; cancel it first",
    ("delete", Status.RUNNING): "; cancel it first",
    ("finish", Status.QUEUED): ": it has not begun; cancel it",
    ("finish", Status.PAUSED): "; resume it first",
    ("checkpoint", Status.PAUSED): "; it has one of where it was paused",
}
"""Of a request that a status does not allow, what would be right."""


class WrongState(Exception):
    """A request that the job's status does not allow."""

    def __init__(self, job_id: str, status: Status, request: str) -> None:
        hint = HINTS.get((request, status), "")
        super().__init__(f"job {job_id} is {status}, so {request} is not possible{hint}")
        self.status = status


def may_become(current: Status, following: Status) -> bool:
    return following in TRANSITIONS[current]


def statuses_before(following: Status) -> list[Status]:
    """The statuses that `following` may follow."""
    return [status for status in Status if may_become(status, following)]


ErrorType = Literal[
    "out_of_memory", "diverged", "disk_full", "bad_dataset", "worker_lost", "stalled", "internal"
]

CRASHES: frozenset[ErrorType] = frozenset({"worker_lost", "stalled", "internal"})
"""They count as failures, and the job is tried again until there have been too many."""

RETRYABLE = CRASHES | {"disk_full"}
"""Another attempt may succeed. Running out of memory, diverging or a bad text would only happen again."""


def job_error(kind: ErrorType, message: str, attempt: int) -> dict[str, Any]:
    return {"type": kind, "message": message, "attempt": attempt, "retryable": kind in RETRYABLE}
