"""The task of the `train` queue: claim one job after the other while any waits, and supervise it."""

import logging
import threading

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from sqlalchemy.exc import OperationalError
from structlog.contextvars import bound_contextvars

from jobs.broker.queue import TRAIN_QUEUE, TRAIN_TASK
from jobs.lifecycle.attempts import claim
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.queue_order import first_in_line
from worker.heartbeat import Heartbeat
from worker.training.calibrator import Calibrator
from worker.training.launch import PrewarmedTrainer
from worker.training.memory import training_device
from worker.training.supervisor import Supervisor

log = logging.getLogger(__name__)


def add_training(app: Celery, settings: Settings) -> Heartbeat:
    """Register the task, and let the worker's shutdown reach the supervisor while it waits."""
    database = Database(settings.database)
    shutting_down = threading.Event()
    device = training_device(settings.reserved_memory)
    memory_bytes = device.memory_bytes
    heartbeat = Heartbeat(database, settings, TRAIN_QUEUE, memory_bytes=memory_bytes, device=device.name)
    heartbeat.attach(app)
    prewarmed = PrewarmedTrainer() if settings.spare_trainer else None
    calibrator = Calibrator(settings, lambda: heartbeat.idle_s, heartbeat.set_calibration)

    def shut_down(**_: object) -> None:
        shutting_down.set()
        calibrator.end()
        if prewarmed is not None:
            prewarmed.close()

    worker_shutting_down.connect(shut_down, weak=False)
    if prewarmed is not None:
        worker_ready.connect(lambda **_: prewarmed.start(), weak=False)
    if settings.calibrate:
        worker_ready.connect(lambda **_: calibrator.start(), weak=False)

    @app.task(name=TRAIN_TASK, shared=False)
    def train(*_: object) -> None:
        """Ignores what the message says: those of the version before name a job."""
        claimed = 0
        while not shutting_down.is_set():
            try:
                with database.write() as session:
                    job_id = first_in_line(TRAIN_QUEUE, memory_bytes)
                    job = claim(session, job_id, heartbeat.worker_id, settings.lease_s)
            except OperationalError as error:
                log.warning("the database does not answer; the keeper publishes again: %s", error.orig)
                return
            if job is None:
                log.info(
                    "no other job waits that fits" if claimed else "no job waits that fits: nothing to do"
                )
                break
            claimed += 1
            with (
                heartbeat.running(job.id),
                bound_contextvars(request_id=job.request_id, job_id=job.id, attempt=job.attempt),
            ):
                log.info("job %s attempt %s claimed", job.id, job.attempt)
                Supervisor(database, settings, job, shutting_down, prewarmed).run()
        # Beside a job that is trained, or about to be, its imports would take a core from the trainer.
        if prewarmed is not None:
            prewarmed.start()

    return heartbeat
