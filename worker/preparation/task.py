"""The task of the queue `prepare`: prepare texts, tokenizers and models while any wait."""

import logging
import os
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_shutting_down
from sqlalchemy.exc import OperationalError
from structlog.contextvars import bound_contextvars

from jobs.broker.queue import PREPARE_QUEUE, PREPARE_TASK, TRAIN_QUEUE, publish_if_possible
from jobs.lifecycle.preparation import claim_preparation
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.preparations import Prepared
from jobs.store.tables import Preparation, TrainedTokenizer
from worker.heartbeat import Heartbeat
from worker.preparation.model_preparer import ModelPreparer
from worker.preparation.preparer import Preparer
from worker.preparation.text_preparer import TextPreparer
from worker.preparation.tokenizer_preparer import TokenizerPreparer

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
            prepared_id = claimed.dataset_id if isinstance(claimed, Preparation) else claimed.id
            names = {"prepared": prepared_id, "attempt": claimed.attempt}
            with (
                bound_contextvars(request_id=claimed.request_id, **names),
                heartbeat.running(prepared_id),
            ):
                preparer_of(database, settings, claimed, shutting_down).run()
            publish_if_possible(app, TRAIN_QUEUE)  # for jobs that have waited for it

    return heartbeat


def preparer_of(
    database: Database, settings: Settings, claimed: Prepared, shutting_down: threading.Event
) -> Preparer[Any]:
    if isinstance(claimed, Preparation):
        return TextPreparer(database, settings, claimed, shutting_down)
    if isinstance(claimed, TrainedTokenizer):
        return TokenizerPreparer(database, settings, claimed, shutting_down)
    return ModelPreparer(database, settings, claimed, shutting_down)
