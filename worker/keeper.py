"""`python -m worker.keeper`: relay, reaper and caretaker. Any number may run; the database arbitrates.

The relay publishes messages for idle workers while jobs wait, so that emptying Redis loses nothing. The
reaper fails the attempts of lost workers. Once the database is back after it has been away, and when the
keeper starts, it waits a whole lease before it reaps anything: nobody could renew. The caretaker queues jobs
again that a full disk paused, once they fit, and deletes files that the database no longer lists. Beside its
rounds, threads tell webhooks what has happened (`worker.webhooks.sender`).
"""

import argparse
import logging
import math
import signal
import threading
import time

from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import OperationalError

from jobs.broker.queue import make_celery, publish
from jobs.files.cleanup import (
    remove_deleted,
    remove_deleted_models,
    remove_needless_initial,
    sweep_idle_jobs,
    sweep_models,
    sweep_partial_files,
    sweep_staged_jobs,
    sweep_tokens,
)
from jobs.files.disk import missing_bytes
from jobs.files.store import KINDS, remove_released
from jobs.lifecycle.preparation import describe, reap_preparations
from jobs.lifecycle.reaper import jobs_paused_for_disk, messages_to_republish, reap
from jobs.lifecycle.requests import resume
from jobs.lifecycle.workers import remove_lost_workers
from jobs.process.logs import configure_logging
from jobs.process.pulse import Pulse
from jobs.settings import Settings, load_settings_or_exit
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import WrongState
from jobs.store.audit import forget_old_entries
from jobs.store.database import Database
from jobs.store.events import forget_deleted_jobs
from jobs.store.idempotency import forget_old_answers
from jobs.store.sessions import forget_ended_sessions
from jobs.store.tokenizers import with_vocabulary
from jobs.store.webhooks import remove_old_deliveries
from migrations.upgrade import schema_is_current
from model.estimate.disk import checkpoints_bytes
from worker.webhooks.sender import Sender

log = logging.getLogger(__name__)

CLEAN_UP_S = 600
ROUND_TIMEOUT_S = 900
"""Of one round, which may have terabytes to delete."""
LOST_WORKERS_SHOWN_S = 3600
DELETED_JOBS_TOLD_S = 7 * 24 * 3600
"""For so long `GET /events` says that a job was deleted."""
MAX_GAP_SHARE = 1 / 3
"""Of a lease: how much later than due the database may answer before it counts as having been away. A lease
that was renewed before an absence as long as that is still good for some renewals after it."""


class Keeper:
    def __init__(self, settings: Settings, database: Database, celery: Celery) -> None:
        self._settings = settings
        self._database = database
        self._celery = celery
        self._schema_is_current = False
        self._round_began_s: float | None = None
        self._answered_s = -math.inf
        self._watches_since_s = math.inf
        self._clean_up_at_s = time.monotonic()

    def run_once(self) -> None:
        """One round over all jobs. If database, schema or broker are not there, the next one tries again."""
        self._round_began_s = time.monotonic()
        try:
            if not self._schema_is_current:
                self._schema_is_current = schema_is_current(self._database)
            if not self._schema_is_current:
                log.warning("the schema is not this version's; `python -m migrations` makes it")
                return
            self._reap()
            self._resume_paused_for_disk()
            if time.monotonic() >= self._clean_up_at_s:
                self._clean_up_at_s = time.monotonic() + CLEAN_UP_S
                self._clean_up()
            self._publish()
        except OperationalError as error:
            log.warning("the database does not answer: %s", error.orig)
            self._answered_s = -math.inf
        except BrokerError as error:
            log.warning("the broker does not answer: %s", error)
        finally:
            self._round_began_s = None

    def _reap(self) -> None:
        with self._database.write() as session:
            reaped = reap(session)
            preparations = reap_preparations(session)
            # Only now is it known whether the database let the keeper wait for this answer.
            if not self._has_watched_for_a_lease():
                session.rollback()
                return
        for job_id in reaped:
            log.warning("job %s reaped from a lost worker", job_id)
        for lost in preparations:
            log.warning("%s reaped from a lost worker", describe(lost))

    def _has_watched_for_a_lease(self) -> bool:
        """Note that the database has just answered; whether it has done so without a gap for a lease."""
        now, settings = time.monotonic(), self._settings
        if now - self._answered_s > settings.keeper_s + MAX_GAP_SHARE * settings.lease_s:
            self._watches_since_s = now
        self._answered_s = now
        return now - self._watches_since_s >= settings.lease_s

    def _resume_paused_for_disk(self) -> None:
        with self._database.read() as session:
            paused = jobs_paused_for_disk(session, self._settings.disk_retry_s)
        for job in paused:
            try:
                with self._database.read() as session:
                    spec = with_vocabulary(session, read_spec(job.spec))
            except UnreadableSpec as error:
                log.warning("job %s stays paused: %s", job.id, error)
                continue
            needed_bytes = checkpoints_bytes(spec, job.total_steps)
            if missing_bytes(self._settings.artifacts, job.id, needed_bytes):
                continue
            try:
                with self._database.write() as session:
                    resume(session, job.id, reason="there is room on the disk again")
            except WrongState:
                continue  # a person was faster
            log.info("job %s queued again: there is room on the disk", job.id)

    def _clean_up(self) -> None:
        try:
            remove_deleted(self._database, self._settings.artifacts)
            remove_needless_initial(self._database, self._settings.artifacts)
            sweep_staged_jobs(self._settings.artifacts)
            sweep_idle_jobs(self._database, self._settings.artifacts)
            sweep_tokens(self._database, self._settings.artifacts)
            for kind in KINDS:
                remove_released(self._database, self._settings.artifacts, kind)
            sweep_partial_files(self._settings.artifacts)
            remove_deleted_models(self._database, self._settings.artifacts)
            sweep_models(self._database, self._settings.artifacts)
        except OSError as error:
            log.warning("could not delete leftover files: %s", error)
        with self._database.write() as session:
            remove_lost_workers(session, LOST_WORKERS_SHOWN_S)
            forget_deleted_jobs(session, DELETED_JOBS_TOLD_S)
            remove_old_deliveries(session)
            forget_old_answers(session)
            forget_ended_sessions(session)
            forget_old_entries(session, self._settings.audit_s)

    def _publish(self) -> None:
        with self._database.read() as session:
            messages = messages_to_republish(session, self._settings.lease_s)
        for queue, count in messages.items():
            for _ in range(count):
                publish(self._celery, queue)
            log.info("jobs wait in %s while workers are idle: published %s messages", queue, count)

    def find_trouble(self) -> str | None:
        """Why this process should be killed and started again, in a sentence; None while it is well."""
        began_s = self._round_began_s
        if began_s is None or (lasted_s := time.monotonic() - began_s) < ROUND_TIMEOUT_S:
            return None
        return f"its look at the jobs has lasted {lasted_s:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.keeper", description=__doc__)
    parser.add_argument("--pulse-fd", type=int, help=argparse.SUPPRESS)
    pulse_descriptor = parser.parse_args().pulse_fd
    settings = load_settings_or_exit()
    configure_logging(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    database = Database(settings.database)
    keeper = Keeper(settings, database, make_celery(settings))
    sender = Sender(settings, database)
    if pulse_descriptor is not None:
        Pulse(pulse_descriptor, settings.lease_s, keeper.find_trouble).start()
    sender.start()
    while not stop.is_set():
        keeper.run_once()
        stop.wait(settings.keeper_s)
    sender.stop()


if __name__ == "__main__":
    main()
