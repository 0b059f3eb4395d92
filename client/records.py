"""The records that the API answers with, as decoded JSON, and what they say."""

from typing import Any

JSON = dict[str, Any]

TERMINAL_STATUSES = {"succeeded", "failed", "cancelled"}


def has_ended(job: JSON) -> bool:
    """Whether the job will not change any more."""
    return job["status"] in TERMINAL_STATUSES


def failure_of(job: JSON) -> str | None:
    """Why an ended job did not succeed, or None if it did."""
    if job["status"] == "succeeded":
        return None
    error = job["error"]
    verdict = "was cancelled" if job["status"] == "cancelled" else job["status"]
    reason = f": {error['type']}: {error['message']}" if error else ""
    return f"job {job['id']} {verdict}{reason}"
