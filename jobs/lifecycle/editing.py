"""What people write on a job, and its priority: nothing that a worker reads while it trains."""

from sqlalchemy.orm import Session

from jobs.lifecycle.requests import lock_job, record_change
from jobs.spec.changes import JobChanges
from jobs.states import Status, WrongState
from jobs.store.lookup import get_job
from jobs.store.tables import Job

WAITING = frozenset({Status.QUEUED, Status.PAUSED})
IN_SPEC = ("name", "priority")
"""Fields that the spec has too: whoever reads or forks it finds them as they are now."""


def edit_job(session: Session, job_id: str, changes: JobChanges) -> Job:
    """Change a job, and record what has changed; a repeat changes nothing.

    raises  NotFound, WrongState for another priority of a job that does not wait
    """
    lock_job(session, job_id)
    job = get_job(session, job_id)
    changed = {name: value for name, value in changes.values.items() if getattr(job, name) != value}
    if not changed:
        return job
    if "priority" in changed and job.status not in WAITING:
        raise WrongState(job_id, Status(job.status), "a change of its priority")
    for name, value in changed.items():
        setattr(job, name, value)
    job.spec = {**job.spec, **{name: changed[name] for name in IN_SPEC if name in changed}}
    session.flush()
    record_change(session, job_id, changed)
    return job
