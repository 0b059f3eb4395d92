"""Events as streams send them: made once, however many streams there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.http.streams import event
from api.records.events import ProgressEventRecord, event_record
from api.records.jobs import ProgressRecord, progress
from jobs.states import TERMINAL
from jobs.store.events import DELETED, ownership_of_event, ownership_of_jobs
from jobs.store.tables import Event, Job


@dataclass(frozen=True)
class LiveEvent:
    id: int
    """0 for progress, which is no row: who comes back has missed nothing by missing it."""
    job_id: str
    type: str
    is_last: bool
    """Whether nothing more comes of its job, so that a stream of that ends."""
    encoded: bytes
    """As it is sent."""
    owner: str | None = None
    """Its job's."""
    is_shared: bool = False


def live_events(session: Session, rows: Sequence[Event]) -> list[LiveEvent]:
    whose = ownership_of_jobs(session, {row.job_id for row in rows})
    return [live_event(row, *ownership_of_event(row, whose)) for row in rows]


def live_event(row: Event, owner: str | None = None, is_shared: bool = False) -> LiveEvent:
    is_last = row.type == DELETED or (row.type == "status" and row.data.get("status") in TERMINAL)
    encoded = event(event_record(row).model_dump(mode="json"), row.type, row.id)
    return LiveEvent(row.id, row.job_id, row.type, is_last, encoded, owner, is_shared)


def progress_event(job: Job) -> LiveEvent:
    record = ProgressEventRecord(
        job_id=job.id, attempt=job.attempt, data=ProgressRecord.model_validate(progress(job))
    )
    encoded = event(record.model_dump(mode="json"), record.type)
    return LiveEvent(
        0, job.id, record.type, is_last=False, encoded=encoded, owner=job.owner, is_shared=job.shared
    )
