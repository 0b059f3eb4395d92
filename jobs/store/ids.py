"""The ids of jobs, data sets, checkpoints and requests."""

import re
import secrets

DATASET = "dataset"
MODEL = "model"
"""The kind of a model from outside."""
TIMED_ID = re.compile(r"(?P<kind>[a-z]+)-(?P<created_us>[0-9a-f]{13})[0-9a-f]{8}")
SAMPLE_ID = re.compile(r"sample-(?P<step>0|[1-9][0-9]{0,17})-(?P<index>0|[1-9][0-9]{0,8})")
"""Without leading zeros: each sample has one id."""
CHECKPOINT_ID = re.compile(r"checkpoint-(?P<step>[0-9a-f]{16})[0-9a-f]{8}")


def new_id(kind: str) -> str:
    """An opaque id such as `dataset-5f0c...`: 64 random bits behind the kind."""
    return f"{kind}-{secrets.token_hex(8)}"


def is_model_id(text: str) -> bool:
    """Whether it can be the id of a model from outside; no job has such a one."""
    return text.startswith(f"{MODEL}-")


def new_job_id(created_us: int) -> str:
    return new_timed_id("job", created_us)


def new_timed_id(kind: str, created_us: int) -> str:
    """An opaque id: behind the kind the creation time in microseconds since 1970, and 32 random bits.

    So the id of what is deleted still tells where it stood in the list: see `jobs.store.paging`.
    """
    return f"{kind}-{created_us:013x}{secrets.token_hex(4)}"


def new_checkpoint_id(step: int) -> str:
    """An opaque id, which tells where a checkpoint that is gone stood in the list of its job's."""
    return f"checkpoint-{step:016x}{secrets.token_hex(4)}"


def checkpoint_step(checkpoint_id: str) -> int | None:
    """None if the id, such as one of an earlier version, does not tell."""
    match = CHECKPOINT_ID.fullmatch(checkpoint_id)
    return None if match is None else int(match["step"], 16)


def sample_id(step: int, index: int) -> str:
    """Of a job's sample: a resumed attempt that writes it again gives it the same."""
    return f"sample-{step}-{index}"


def sample_place(cursor: str) -> tuple[int, int] | None:
    """Step and index of the sample with that id; None if it is none's."""
    match = SAMPLE_ID.fullmatch(cursor)
    return None if match is None else (int(match["step"]), int(match["index"]))


def creation_time_us(timed_id: str, kind: str = "job") -> int | None:
    """Microseconds since 1970; None if it is no id of that kind that tells, such as one of an earlier
    version."""
    match = TIMED_ID.fullmatch(timed_id)
    return int(match["created_us"], 16) if match and match["kind"] == kind else None
