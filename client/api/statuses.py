"""How jobs end. Importing it loads nothing else."""

from collections.abc import Mapping
from typing import Any

TERMINAL_STATUSES = frozenset({"succeeded", "failed", "cancelled"})


def failure_of(job: Mapping[str, Any]) -> str | None:
    """Why an ended job did not succeed, or None if it did."""
    if job["status"] == "succeeded":
        return None
    error = job.get("error")
    verdict = "was cancelled" if job["status"] == "cancelled" else job["status"]
    reason = f": {error['type']}: {error['message']}" if error else ""
    return f"job {job['id']} {verdict}{reason}"
