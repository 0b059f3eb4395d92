"""The task of the `train` queue: claim the job that the message names, and supervise it."""

import logging
import threading

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from sqlalchemy.exc import OperationalError

from jobs.database import Database
from jobs.lifecycle import claim
from jobs.lookup import JobFilter, list_jobs
from jobs.queue import TRAIN_QUEUE, TRAIN_TASK
from jobs.settings import Settings
from jobs.states import Status
from worker.heartbeat import Heartbeat
from worker.launch import Spare
from worker.supervisor import Supervisor

log = logging.getLogger(__name__)


def add_training(app: Celery, settings: Settings) -> None:
    """Register the task, and let the worker's shutdown reach the supervisor while it waits."""
    database = Database(settings.database)
    shutting_down = threading.Event()
    heartbeat = Heartbeat(database, settings, TRAIN_QUEUE)
    heartbeat.follow(app)
    spare = Spare() if settings.spare_trainer else None

    def shut_down(**_: object) -> None:
        shutting_down.set()
        if spare is not None:
            spare.close()

    worker_shutting_down.connect(shut_down, weak=False)
    if spare is not None:
        worker_ready.connect(lambda **_: spare.start(), weak=False)

    @app.task(name=TRAIN_TASK)
    def train(job_id: str) -> None:
        if shutting_down.is_set():
            return  # the row stays queued, and is published again
        with database.write() as session:
            job = claim(session, job_id, heartbeat.worker_id, settings.lease_s)
        if job is None:
            log.info("job %s is not queued: nothing to do", job_id)
            return
        log.info("job %s attempt %s claimed", job.id, job.attempt)
        with heartbeat.at(job.id):
            Supervisor(database, settings, job, shutting_down, spare).run()
        # Beside a job that is trained, or about to be, the spare one's imports would take a core from it.
        if spare is not None and is_idle(database):
            spare.start()


def is_idle(database: Database) -> bool:
    """Whether no job waits; False too if the database does not tell."""
    try:
        with database.read() as session:
            waiting, _ = list_jobs(session, JobFilter(status=Status.QUEUED), limit=1)
    except OperationalError:
        return False
    return not waiting
