"""The records that the API answers with, as decoded JSON, and what they say."""

from typing import Any

JSON = dict[str, Any]

TERMINAL_STATUSES = {"succeeded", "failed", "cancelled"}

# What ended a job that succeeded; after all its epochs there is nothing to say.
ENDINGS = {
    "max_steps": "max_steps reached",
    "max_tokens": "max_tokens reached",
    "max_time": "time limit reached",
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
    return job["status"] + (f" ({why})" if (why := reason_of_status(job)) else "")


def reason_of_status(job: JSON) -> str | None:
    if job.get("stopping"):
        return f"{job['stopping']} requested"
    if job["status"] == "queued":
        waiting_for: str | None = job.get("waiting_for")
        # "nothing: an idle worker is about to take it"
        return None if waiting_for is None or waiting_for.startswith("nothing") else waiting_for
    ended_by: str | None = job.get("ended_by")
    if job["status"] != "succeeded" or ended_by is None or ended_by == "epochs":
        return None
    step = job["progress"].get("step")
    return ENDINGS.get(ended_by, ended_by) + (f" at step {step:,}" if step is not None else "")


def updates_done(evaluation: JSON) -> int:
    """Optimizer steps that were done when this was measured, as `progress.step` counts them.

    The row itself has the 0-based number of the last of them, as in the lecture.
    """
    return int(evaluation["step"]) + 1
