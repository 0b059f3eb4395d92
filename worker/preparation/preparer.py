"""Prepares one data set or one tokenizer: writes the tokens or has it trained, renews the lease by getting
on, and records the end."""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jobs.files.arriving_text import BadText
from jobs.files.datasets import find_text, get_dataset
from jobs.files.layout import tokens_path
from jobs.files.token_counts import Counted
from jobs.files.tokenizers import (
    TokenizerLost,
    TokenizerNotReady,
    announce_file,
    place_file,
)
from jobs.lifecycle.preparation import (
    Superseded,
    describe,
    fail_preparation,
    finish_preparation,
    finish_tokenizer,
    lose_preparation,
    postpone_preparation,
    release_preparation,
    renew_preparation,
)
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from jobs.store.tables import Preparation, TrainedTokenizer
from model.storage.splits import CHUNK_BYTES, Split
from model.storage.vocabulary_use import count_vocabulary_use
from worker.preparation.tokenizer_training import ProcessLost, train_tokenizer
from worker.retry import retry_while_unavailable
from worker.tokens import ensure_tokens, stored_tokenizer

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class ShutDown(Exception):
    """The worker is asked to end."""


class Preparer:
    """Of one claim. `shutting_down` is set when the worker is asked to end."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        claimed: Preparation | TrainedTokenizer,
        shutting_down: threading.Event,
    ) -> None:
        self._database = database
        self._settings = settings
        self._claimed = claimed
        self._shutting_down = shutting_down
        self._renewed_s = time.monotonic()

    def run(self) -> None:
        """Return when the preparation has ended and that has been recorded, or when another owns it, or it
        has been deleted, or its data set."""
        try:
            self._prepare_and_record()
        except (Superseded, NotFound) as error:
            log.warning("%s", error)

    def _prepare_and_record(self) -> None:
        """raises Superseded, NotFound"""
        claimed, what = self._claimed, describe(self._claimed)
        try:
            if isinstance(claimed, TrainedTokenizer):
                self._train(claimed)
            else:
                self._prepare(claimed)
        except ShutDown:
            self._write(lambda session: release_preparation(session, claimed))
        except (BadText, TokenizerLost, TokenizerNotReady) as error:
            message = str(error)
            log.warning("%s can't be done: %s", what, message)
            self._write(lambda session: fail_preparation(session, claimed, message))
        except ProcessLost as error:
            message = str(error)
            log.warning("%s: %s", what, message)
            self._write(lambda session: lose_preparation(session, claimed, message))
        except OSError as error:  # a full disk, say
            reason, wait_s = error.strerror or str(error), self._settings.disk_retry_s
            log.warning("%s is done later: %s", what, reason)
            self._write(lambda session: postpone_preparation(session, claimed, reason, wait_s))

    def _prepare(self, claimed: Preparation) -> None:
        dataset = self._read(lambda session: get_dataset(session, claimed.dataset_id))
        tokenizer = stored_tokenizer(self._settings, self._database, claimed.tokenizer)
        text_chunks, chunks_done = -(-dataset.bytes // CHUNK_BYTES), 0

        def get_on() -> None:
            """One more chunk is done, of those that are tokenised after they have been read through once."""
            nonlocal chunks_done
            chunks_done += 1
            self._get_on(min(1.0, max(0, chunks_done - text_chunks) / max(1, text_chunks)))

        began_s = time.monotonic()
        manifest = ensure_tokens(
            self._settings,
            dataset,
            tokenizer,
            claimed.train_ratio,
            threads=self._settings.threads or os.cpu_count() or 1,
            on_progress=get_on,
        )
        log.info("the data set %s is prepared after %.0f s", dataset.id, time.monotonic() - began_s)
        source = (dataset.sha256, tokenizer.name, claimed.train_ratio, dataset.text_start_bytes)
        path = tokens_path(self._settings.artifacts, *source)
        use = count_vocabulary_use(path, manifest, tokenizer, get_on)
        by_split: dict[Split, int] = {"train": manifest.train_tokens, "validation": manifest.val_tokens}
        counts = Counted(by_split, use.vocab_size, use.used_tokens, use.longest_document_tokens)
        self._write(lambda session: finish_preparation(session, claimed, counts, self._settings))

    def _train(self, claimed: TrainedTokenizer) -> None:
        try:
            dataset = self._read(lambda session: get_dataset(session, claimed.dataset_id))
        except NotFound as error:
            raise BadText(str(error)) from error
        began_s = time.monotonic()
        text = find_text(self._settings, dataset, lambda: self._get_on(0.0))
        trained = train_tokenizer(self._settings, claimed.id, text, claimed.asked_vocab_size, self._get_on)
        facts, artifacts = trained.facts, self._settings.artifacts

        def place_and_finish(session: Session) -> None:
            place_file(session, artifacts, facts.sha256, trained.content)
            finish_tokenizer(session, claimed, facts)

        self._write(lambda session: announce_file(session, facts.sha256))
        self._write(place_and_finish)
        log.info("the tokenizer %s is trained after %.0f s", claimed.id, time.monotonic() - began_s)

    def _read(self, action: Callable[[Session], Result]) -> Result:
        return retry_while_unavailable(self._database.read, action)

    def _write(self, action: Callable[[Session], Result]) -> Result:
        return retry_while_unavailable(self._database.write, action)

    def _get_on(self, fraction: float) -> None:
        """So much of the work is done. raises ShutDown, Superseded"""
        if self._shutting_down.is_set():
            raise ShutDown
        if time.monotonic() - self._renewed_s < self._settings.renew_s:
            return
        try:
            with self._database.write() as session:
                renew_preparation(session, self._claimed, fraction, self._settings.lease_s)
        except OperationalError as error:
            log.warning("the lease of a preparation could not be renewed: %s", error.orig)
            return
        self._renewed_s = time.monotonic()
