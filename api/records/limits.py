"""What the service allows and has, as the API shows it."""

from typing import Literal

from api.records.record import Record
from api.records.workers import WorkerRecord


class LimitsRecord(Record):
    """What this service allows and has. What is beyond is refused with the reason."""

    object: Literal["limits"] = "limits"
    max_body_bytes: int
    """Of a request's body, but for uploads."""
    max_dataset_bytes: int
    """Of an upload with a text."""
    max_model_bytes: int
    """Of all files of a model from outside together."""
    max_job_memory_bytes: int | None
    """That a job may be estimated to need: the setting, or what the largest of the live workers has; null
    where neither is known."""
    max_steps: int
    """Of a job."""
    max_samples: int
    """Of a job, of all prompts together."""
    max_prompts: int
    """In `sampling.start_context`."""
    max_new_tokens: int
    """Of a sample or a generation."""
    max_score_tokens: int
    """Of a text that is scored."""
    requests_per_minute: int | None
    """Of a token; null: any number. One more is answered with 429 and the seconds to wait."""
    generations_at_once: int | None
    """Of a token, texts to score among them; null: any number."""
    max_queued_jobs: int | None
    """Of an owner; null: any number. One more is answered with 429."""
    queued_jobs: int | None
    """Those of whoever asks; null without a token, which is not counted."""
    max_stored_bytes: int | None
    """Of all data sets, models and checkpoints of an owner; null: any number. More is answered with 507."""
    stored_bytes: int | None
    """Those of whoever asks; null without a token, which is not counted."""
    generate_timeout_s: float
    """Until a generation is answered with what there is."""
    stop_grace_s: float
    """For a trainer that stops, to finish its step and write a checkpoint."""
    checkpoint_s: float
    """Of training, until a checkpoint is written that the spec has not asked for."""
    stall_s: float
    """Without a report, until a trainer counts as hung."""
    disk_total_bytes: int
    disk_free_bytes: int
    workers: list[WorkerRecord]
    """Those that work, with their memory and what they train on."""
