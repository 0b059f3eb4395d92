"""What happens to jobs as the API shows it."""

from typing import Any, Literal

from api.records.jobs import ProgressRecord
from api.records.record import Record, Time, from_row
from jobs.store.tables import Event


class EventRecord(Record):
    """Something that happened to a job."""

    id: str
    """Greater than those of all events that were recorded before, by any job."""
    job_id: str
    type: str
    """`status`: a job has been created (the first one) or has another status, told by `data.status`, with the
    cause: `error`, `ended_by`, `reason`. `evaluation`, `sample`, `checkpoint`: written, once for each step,
    also where a resumed attempt computes it again. `log`: the last lines of a trainer that failed. `changed`:
    the job's record has these new values. `deleted`: the job is gone, and so are its other events. Besides
    `started`, `not_exact`, `early_stop`, `crash`, `checkpoint_damaged` and `checkpoint_deleted`."""
    attempt: int
    """0 before the first."""
    data: dict[str, Any]
    created_at: Time


class ProgressEventRecord(Record):
    """How far a running job has come. Only streams have it, without an id: the next one says all that it
    said."""

    job_id: str
    type: Literal["progress"] = "progress"
    attempt: int
    data: ProgressRecord


def event_record(event: Event) -> EventRecord:
    return from_row(EventRecord, event, id=str(event.id))
