"""The thread that reads what happens, once for all streams of a process."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.live.doorbell import UNAVAILABLE, Doorbell, open_doorbell
from api.live.live_event import LiveEvent, live_events, progress_event
from api.live.wakening import Wakening
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import last_event_id, list_events
from jobs.store.tables import Job

log = logging.getLogger(__name__)

READ_INTERVAL_S = 0.05
"""At least, between two looks: what comes meanwhile is sent together."""
PROGRESS_INTERVAL_S = 0.5
RETRY_S = 0.5
LOOK_ANYWAY_S = 10
"""Should the doorbell not ring: it is there for speed, and SQL is the truth."""
BATCH = 500


@dataclass(frozen=True)
class Batch:
    events: list[LiveEvent]
    up_to: int
    """No event with an id up to this one, but for those of this batch and those before, will ever come."""
    progress: dict[str, LiveEvent] | None
    """Of every running job; None where it was not looked at."""


class Reader:
    """Reads from the newest event on, until it is stopped.

    deliver  called in the reader's thread, at first with a batch that has no events
    """

    def __init__(self, database: Database, deliver: Callable[["Reader", Batch], None]) -> None:
        self._database = database
        self._deliver = deliver
        self._wakening = Wakening()
        self._is_stopping = False
        self._position: int | None = None
        self._progress_due_s = 0.0
        threading.Thread(target=self._run, daemon=True, name="event reader").start()

    def stop(self) -> None:
        """Returns at once; the thread ends soon."""
        self._is_stopping = True
        self._wakening.wake()

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                with open_doorbell(self._database, self._wakening) as doorbell:
                    self._read_when_rung(doorbell)
            except UNAVAILABLE as error:
                log.warning("the database does not answer, events wait: %s", str(error).partition("\n")[0])
                self._wakening.wait(RETRY_S)
            except Exception:
                log.exception("events can't be read")
                self._wakening.wait(RETRY_S)
        self._wakening.close()

    def _read_when_rung(self, doorbell: Doorbell) -> None:
        has_rung = True  # while nobody listened
        while not self._is_stopping:
            has_more = has_rung and self._read()
            if has_more:
                continue
            if self._wakening.wait(READ_INTERVAL_S):
                continue
            progress_s = self._progress_due_s - time.monotonic()
            # A change of progress that came too early is looked at when its time has come.
            awaits_progress = has_rung and progress_s > 0
            timeout_s = progress_s if awaits_progress else LOOK_ANYWAY_S
            has_rung = doorbell.wait(timeout_s) or awaits_progress or timeout_s == LOOK_ANYWAY_S

    def _read(self) -> bool:
        """Whether there are more events at once."""
        now = time.monotonic()
        with self._database.read() as session:
            if self._position is None:
                events, up_to = [], last_event_id(session)
            else:
                rows = list_events(session, None, self._position, BATCH)
                events, up_to = live_events(session, rows), rows[-1].id if rows else self._position
            progress = running_progress(session) if now >= self._progress_due_s else None
        if progress is not None:
            self._progress_due_s = now + PROGRESS_INTERVAL_S
        self._position = up_to
        self._deliver(self, Batch(events, up_to, progress))
        return len(events) == BATCH


def running_progress(session: Session) -> dict[str, LiveEvent]:
    running = session.scalars(select(Job).where(Job.status == Status.RUNNING))
    return {job.id: progress_event(job) for job in running}
