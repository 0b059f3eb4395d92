"""The records that the API answers with, as decoded JSON, and what they say."""

from typing import Any

JSON = dict[str, Any]

TERMINAL_STATUSES = {"succeeded", "failed", "cancelled"}

# What ended a job that succeeded; after all its epochs there is nothing to say.
ENDINGS = {
    "max_steps": "max_steps",
    "max_tokens": "max_tokens",
    "max_time": "time limit",
    "early_stopping": "early stopping",
    "finish": "finished on request",
}


def has_ended(job: JSON) -> bool:
    """Whether the job will not change any more."""
    return job["status"] in TERMINAL_STATUSES


def failure_of(job: JSON) -> str | None:
    """Why an ended job did not succeed, or None if it did."""
    if job["status"] == "succeeded":
        return None
    error = job.get("error")
    verdict = "was cancelled" if job["status"] == "cancelled" else job["status"]
    reason = f": {error['type']}: {error['message']}" if error else ""
    return f"job {job['id']} {verdict}{reason}"


def describe_status(job: JSON) -> str:
    """The status, with what is about to change it, what keeps it, or what brought it about."""
    waiting_for, step = job.get("waiting_for"), job["progress"].get("step")
    if job.get("stopping"):
        return f"{job['status']} ({job['stopping']} requested)"
    # It may wait for nothing: "nothing: an idle worker is about to take it".
    if job["status"] == "queued" and waiting_for and not waiting_for.startswith("nothing"):
        return f"queued ({waiting_for})"
    if ending := ending_of(job):
        return f"succeeded ({ending}" + (f" at step {step:,})" if step is not None else ")")
    return str(job["status"])


def status_in_short(job: JSON) -> str:
    """The same in few words, for a list."""
    if job.get("stopping"):
        return describe_status(job)
    if job["status"] == "queued" and job.get("queue_position"):
        return f"queued (place {job['queue_position']:,})"
    return f"succeeded ({ending})" if (ending := ending_of(job)) else str(job["status"])


def ending_of(job: JSON) -> str | None:
    """What ended a job that succeeded before all its epochs were done."""
    ended_by: str | None = job.get("ended_by")
    if job["status"] != "succeeded" or ended_by is None or ended_by == "epochs":
        return None
    return ENDINGS.get(ended_by, ended_by)


def updates_done(evaluation: JSON) -> int:
    """Optimizer steps that were done when this was measured, as `progress.step` counts them.

    The row itself has the 0-based number of the last of them, as in the lecture.
    """
    return int(evaluation["step"]) + 1
