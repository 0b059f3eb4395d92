"""Prepares one data set: writes its tokens, renews the lease by getting on, and records the end."""

import logging
import os
import threading
import time

from sqlalchemy.exc import OperationalError

from jobs.files.arriving_text import BadText
from jobs.files.datasets import get_dataset
from jobs.lifecycle.preparation import (
    Superseded,
    fail_preparation,
    finish_preparation,
    postpone_preparation,
    release_preparation,
    renew_preparation,
)
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from jobs.store.tables import Preparation
from model.storage.splits import CHUNK_BYTES
from worker.retry import retry_while_unavailable
from worker.tokens import ensure_tokens

log = logging.getLogger(__name__)


class ShutDown(Exception):
    """The worker is asked to end."""


class Preparer:
    """Of one claim. `shutting_down` is set when the worker is asked to end."""

    def __init__(
        self, database: Database, settings: Settings, claimed: Preparation, shutting_down: threading.Event
    ) -> None:
        self._database = database
        self._settings = settings
        self._claimed = claimed
        self._shutting_down = shutting_down
        self._text_chunks = self._chunks_done = 0
        self._renewed_s = time.monotonic()

    def run(self) -> None:
        """Return when the preparation has ended and that has been recorded, or when another owns it, or its
        data set has been deleted."""
        try:
            self._prepare_and_record()
        except (Superseded, NotFound) as error:
            log.warning("%s", error)

    def _prepare_and_record(self) -> None:
        """raises Superseded, NotFound"""
        claimed, write = self._claimed, self._database.write
        try:
            self._prepare()
        except ShutDown:
            retry_while_unavailable(write, lambda session: release_preparation(session, claimed))
        except BadText as error:
            message = str(error)
            log.warning("the data set %s can't be prepared: %s", claimed.dataset_id, message)
            retry_while_unavailable(write, lambda session: fail_preparation(session, claimed, message))
        except OSError as error:  # a full disk, say
            reason, wait_s = error.strerror or str(error), self._settings.disk_retry_s
            log.warning("the data set %s is prepared later: %s", claimed.dataset_id, reason)
            retry_while_unavailable(
                write, lambda session: postpone_preparation(session, claimed, reason, wait_s)
            )

    def _prepare(self) -> None:
        claimed = self._claimed
        dataset = retry_while_unavailable(
            self._database.read, lambda session: get_dataset(session, claimed.dataset_id)
        )
        self._text_chunks = -(-dataset.bytes // CHUNK_BYTES)
        began_s = time.monotonic()
        manifest = ensure_tokens(
            self._settings,
            dataset,
            claimed.tokenizer,
            claimed.train_ratio,
            threads=self._settings.threads or os.cpu_count() or 1,
            on_progress=self._get_on,
        )
        log.info("the data set %s is prepared after %.0f s", dataset.id, time.monotonic() - began_s)
        retry_while_unavailable(
            self._database.write,
            lambda session: finish_preparation(
                session,
                claimed,
                {"train": manifest.train_tokens, "validation": manifest.val_tokens},
                self._settings,
            ),
        )

    def _get_on(self) -> None:
        """One more chunk is done. raises ShutDown, Superseded"""
        if self._shutting_down.is_set():
            raise ShutDown
        self._chunks_done += 1
        if time.monotonic() - self._renewed_s < self._settings.renew_s:
            return
        try:
            with self._database.write() as session:
                renew_preparation(session, self._claimed, self._fraction, self._settings.lease_s)
        except OperationalError as error:
            log.warning("the lease of a preparation could not be renewed: %s", error.orig)
            return
        self._renewed_s = time.monotonic()

    @property
    def _fraction(self) -> float:
        """Of the text that is tokenised, after it has been read through once."""
        return min(1.0, max(0, self._chunks_done - self._text_chunks) / max(1, self._text_chunks))
