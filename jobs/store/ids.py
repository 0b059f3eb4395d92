"""Ids that the service gives."""

import re
import secrets

JOB_ID = re.compile(r"job-(?P<created_us>[0-9a-f]{13})[0-9a-f]{8}")


def new_id(kind: str) -> str:
    """An opaque id such as `dataset-5f0c...`: 64 random bits behind the kind."""
    return f"{kind}-{secrets.token_hex(8)}"


def new_job_id(created_us: int) -> str:
    """The opaque id of a job: the microseconds since 1970 at which it was made, and 32 random bits.

    So an id that somebody still has of a job that was deleted tells where it stood in the list.
    """
    return f"job-{created_us:013x}{secrets.token_hex(4)}"


def creation_time_us(job_id: str) -> int | None:
    """Microseconds since 1970; None if the id, such as one of an earlier version, does not tell."""
    found = JOB_ID.fullmatch(job_id)
    return None if found is None else int(found["created_us"], 16)
