"""Why an attempt failed, as the job's `error`."""

from typing import Any, Literal

ErrorType = Literal[
    "out_of_memory", "diverged", "disk_full", "bad_dataset", "worker_lost", "stalled", "internal"
]

CRASHES: frozenset[ErrorType] = frozenset({"worker_lost", "stalled", "internal"})
"""They count as failures, and the job is tried again until there have been too many."""

RETRYABLE = CRASHES | {"disk_full"}
"""Another attempt may succeed. Running out of memory, diverging or a bad text would only happen again."""


def job_error(kind: ErrorType, message: str, attempt: int) -> dict[str, Any]:
    return {"type": kind, "message": message, "attempt": attempt, "retryable": kind in RETRYABLE}
