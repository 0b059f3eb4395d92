"""The ids of jobs, data sets, checkpoints and requests."""

import re
import secrets

MODEL = "model"
"""The kind of a model from outside."""
JOB_ID = re.compile(r"job-(?P<created_us>[0-9a-f]{13})[0-9a-f]{8}")


def new_id(kind: str) -> str:
    """An opaque id such as `dataset-5f0c...`: 64 random bits behind the kind."""
    return f"{kind}-{secrets.token_hex(8)}"


def is_model_id(text: str) -> bool:
    """Whether it can be the id of a model from outside; no job has such a one."""
    return text.startswith(f"{MODEL}-")


def new_job_id(created_us: int) -> str:
    """The opaque id of a job: its creation time in microseconds since 1970, and 32 random bits.

    So the id of a deleted job still tells where it stood in the list: see `jobs.store.lookup.list_jobs`.
    """
    return f"job-{created_us:013x}{secrets.token_hex(4)}"


def creation_time_us(job_id: str) -> int | None:
    """Microseconds since 1970; None if the id, such as one of an earlier version, does not tell."""
    match = JOB_ID.fullmatch(job_id)
    return None if match is None else int(match["created_us"], 16)
