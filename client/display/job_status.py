"""A job's status in words."""

from client.api.statuses import TERMINAL_STATUSES
from client.http.types import JSON

# By `ended_by`; a job that ended after all its epochs needs no words.
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


def describe_status(job: JSON) -> str:
    """The status, with what has been requested, what a queued job waits for, or what ended the job."""
    waiting_for, step = job.get("waiting_for"), job["progress"].get("step")
    if job.get("stopping"):
        return f"{job['status']} ({job['stopping']} requested)"
    if job["status"] == "queued" and waiting_for:
        return f"queued ({waiting_for})"
    if ending := ending_of(job):
        return f"succeeded ({ending}" + (f" at step {step:,})" if step is not None else ")")
    return str(job["status"])


def short_status(job: JSON) -> str:
    """The same in a few words, for a table."""
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


def steps_done(evaluation: JSON) -> int:
    """Optimizer steps before the evaluation, as `progress.step` counts them.

    Its own `step` is the 0-based number of the last of them, as in the lecture.
    """
    return int(evaluation["step"]) + 1
