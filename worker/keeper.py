"""`python -m worker.keeper`: relay, reaper and caretaker. Any number may run; the database arbitrates.

The relay rings for idle workers while jobs wait, so that emptying Redis loses nothing. The reaper gives the
jobs of lost workers to others. Once the database is back after it has been away, and at its own start, it
waits a whole lease before it takes anything away: nobody could renew. The caretaker queues jobs again that a
full disk paused, once they fit, and deletes files that no row speaks of.
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
from jobs.files.cleanup import remove_deleted, sweep_idle_jobs, sweep_tokens
from jobs.files.disk import missing_bytes
from jobs.lifecycle.reaper import idle_workers_to_ring, jobs_paused_for_disk, reap
from jobs.lifecycle.requests import resume
from jobs.lifecycle.workers import forget_lost_workers
from jobs.process.logs import configure_logging
from jobs.process.pulse import Pulse
from jobs.settings import Settings, load_settings_or_exit
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import WrongState
from jobs.store.database import Database
from migrations.upgrade import schema_is_current

log = logging.getLogger(__name__)

TIDY_S = 600
LOOK_LIMIT_S = 900
"""Of one look, which may have terabytes to delete."""
WORKERS_REMEMBERED_S = 3600
UNWATCHED_SHARE = 1 / 3
"""Of a lease: how much later than due the database may answer before it counts as having been away. A lease
that was renewed before an absence as long as that is still good for some renewals after it."""


class Keeper:
    def __init__(self, settings: Settings, database: Database, celery: Celery) -> None:
        self._settings = settings
        self._database = database
        self._celery = celery
        self._schema_is_current = False
        self._looks_since_s: float | None = None
        self._answered_s = -math.inf
        self._watches_since_s = math.inf
        self._tidies_from_s = time.monotonic()

    def look(self) -> None:
        """Once over all rows. Database, schema or broker not there: it is tried again at the next look."""
        self._looks_since_s = time.monotonic()
        try:
            if not self._schema_is_current:
                self._schema_is_current = schema_is_current(self._database)
            if not self._schema_is_current:
                log.warning("the schema is not this version's; `python -m migrations` makes it")
                return
            self._reap()
            self._find_room()
            if time.monotonic() >= self._tidies_from_s:
                self._tidies_from_s = time.monotonic() + TIDY_S
                self._tidy()
            self._ring()
        except OperationalError as error:
            log.warning("the database does not answer: %s", error.orig)
            self._answered_s = -math.inf
        except BrokerError as error:
            log.warning("the broker does not answer: %s", error)
        finally:
            self._looks_since_s = None

    def _reap(self) -> None:
        with self._database.write() as session:
            lost = reap(session)
            # Only now is it known whether the database let the keeper wait for this answer.
            if not self._has_watched_for_a_lease():
                session.rollback()
                return
        for job_id in lost:
            log.warning("job %s taken away from a lost worker", job_id)

    def _has_watched_for_a_lease(self) -> bool:
        """Note that the database has just answered; whether it has done so without a gap for a lease."""
        now, settings = time.monotonic(), self._settings
        if now - self._answered_s > settings.keeper_s + UNWATCHED_SHARE * settings.lease_s:
            self._watches_since_s = now
        self._answered_s = now
        return now - self._watches_since_s >= settings.lease_s

    def _find_room(self) -> None:
        with self._database.read() as session:
            paused = jobs_paused_for_disk(session, self._settings.disk_retry_s)
        for job in paused:
            try:
                spec = read_spec(job.spec)
            except UnreadableSpec as error:
                log.warning("job %s stays paused: %s", job.id, error)
                continue
            if missing_bytes(self._settings.artifacts, job.id, spec, job.total_steps):
                continue
            try:
                with self._database.write() as session:
                    resume(session, job.id, reason="there is room on the disk again")
            except WrongState:
                continue  # a person was faster
            log.info("job %s queued again: there is room on the disk", job.id)

    def _tidy(self) -> None:
        try:
            remove_deleted(self._database, self._settings.artifacts)
            sweep_idle_jobs(self._database, self._settings.artifacts)
            sweep_tokens(self._database, self._settings.artifacts)
        except OSError as error:
            log.warning("could not delete what is left over: %s", error)
        with self._database.write() as session:
            forget_lost_workers(session, WORKERS_REMEMBERED_S)

    def _ring(self) -> None:
        with self._database.read() as session:
            idle = idle_workers_to_ring(session, self._settings.lease_s)
        for queue, workers in idle.items():
            for _ in range(workers):
                publish(self._celery, queue)
            log.info("jobs wait in %s while workers are idle: rang %s times", queue, workers)

    def find_trouble(self) -> str | None:
        """Why this process should be killed and started again, in a sentence; None while it is well."""
        looks_since_s = self._looks_since_s
        if looks_since_s is None or (lasted_s := time.monotonic() - looks_since_s) < LOOK_LIMIT_S:
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
    keeper = Keeper(settings, Database(settings.database), make_celery(settings))
    if pulse_descriptor is not None:
        Pulse(pulse_descriptor, settings.lease_s, keeper.find_trouble).start()
    while not stop.is_set():
        keeper.look()
        stop.wait(settings.keeper_s)


if __name__ == "__main__":
    main()
