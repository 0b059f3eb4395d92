"""Short ways to a stored job."""

from typing import Any

from jobs.database import Database
from jobs.lifecycle import claim
from jobs.settings import Settings
from jobs.spec import parse_spec
from jobs.submission import submit
from jobs.tables import Job

TINY: dict[str, Any] = {"preset": "tiny", "dataset": "sample"}


def queued_job(database: Database, settings: Settings, **spec: Any) -> Job:
    return submit(database, settings, parse_spec({**TINY, **spec}))


def running_job(database: Database, settings: Settings, **spec: Any) -> Job:
    job = queued_job(database, settings, **spec)
    with database.write() as session:
        claimed = claim(session, job.id, "worker-1", lease_s=30)
    assert claimed is not None
    return claimed
