"""The task of the queue `prepare`: prepare one data set or model after the other while any waits."""

import logging
import os
import threading

from celery import Celery
from celery.signals import worker_shutting_down
from sqlalchemy.exc import OperationalError

from jobs.broker.queue import PREPARE_QUEUE, PREPARE_TASK, TRAIN_QUEUE, publish_if_possible
from jobs.lifecycle.preparation import claim_preparation
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import ImportedModel
from worker.heartbeat import Heartbeat
from worker.preparation.importer import ModelImporter
from worker.preparation.preparer import Preparer

log = logging.getLogger(__name__)

NICENESS = 10
"""So that a trainer beside it has the processor first."""


def add_preparation(app: Celery, settings: Settings) -> Heartbeat:
    """Register the task, and let the worker's shutdown reach the preparation in progress."""
    os.nice(NICENESS)
    database = Database(settings.database)
    shutting_down = threading.Event()
    heartbeat = Heartbeat(database, settings, PREPARE_QUEUE)
    heartbeat.attach(app)
    worker_shutting_down.connect(lambda **_: shutting_down.set(), weak=False)

    @app.task(name=PREPARE_TASK, shared=False)
    def prepare(*_: object) -> None:
        while not shutting_down.is_set():
            try:
                with database.write() as session:
                    claimed = claim_preparation(session, heartbeat.worker_id, settings.lease_s)
            except OperationalError as error:
                log.warning("the database does not answer; the keeper publishes again: %s", error.orig)
                return
            if claimed is None:
                return
            if isinstance(claimed, ImportedModel):
                log.info("importing the model %s", claimed.id)
                with heartbeat.running(claimed.id):
                    ModelImporter(database, settings, claimed, shutting_down).run()
                continue
            log.info("preparing the data set %s for %s", claimed.dataset_id, claimed.tokenizer)
            with heartbeat.running(claimed.dataset_id):
                Preparer(database, settings, claimed, shutting_down).run()
            publish_if_possible(app, TRAIN_QUEUE)  # for jobs that have waited for it

    return heartbeat
