"""A worker's heartbeat in the `workers` table: that it lives, listens, gets on, and what it is at."""

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from celery import Celery, bootsteps
from celery.signals import task_postrun, task_prerun, worker_ready, worker_shutdown
from sqlalchemy.exc import OperationalError, ProgrammingError

from jobs.broker.queue import TRAIN_QUEUE
from jobs.lifecycle.workers import record_heartbeat, retire
from jobs.settings import SILENCE_SHARE, Settings
from jobs.store.database import Database

log = logging.getLogger(__name__)

TICK_S = 0.1
"""Also how late a worker that has ended a job hears of the next one: Celery looks whether it is free when its
loop turns, and while there is nothing to read only its timers turn that, the others of them once a second."""


class Progress(Protocol):
    """Work of which it is known when it should have ended."""

    def overdue_s(self) -> float:
        """For how long something should have ended that has not; 0 if all is well, infinite if it can't."""


class Heartbeat:
    """Tells of this process every `PRETRAIN_RENEW_S`, and at once when it turns to something else.

    memory_bytes  what it has for a job, if it knows
    progress      of the work that is not a job's: see `find_trouble`

    Whether it listens is not the thread's to say: the consumer's own event loop ticks, and a worker whose
    loop has not turned for `silence_limit_s` no longer hears of messages, however alive its process.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        queue: str,
        memory_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.worker_id = f"{queue}-{socket.gethostname()}-{os.getpid()}"
        self.silence_limit_s = SILENCE_SHARE * settings.lease_s
        self.progress = progress
        self._database = database
        self._settings = settings
        self._queue = queue
        self._memory_bytes = memory_bytes
        self._job_id: str | None = None
        self._is_connected = False
        self._started_s = self._since_s = self._ticked_s = time.monotonic()
        self._quick_tasks_at_once: int | None = None
        self._tasks_since_s: dict[str, float] = {}
        self._noting = threading.Lock()
        self._due = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def follow(self, app: Celery, quick_tasks_at_once: int | None = None) -> None:
        """Begin when the worker is ready, and end with it.

        quick_tasks_at_once  how many tasks run side by side, where they only take work in and soon end
        """
        heartbeat = self
        if quick_tasks_at_once is not None:
            self._quick_tasks_at_once = quick_tasks_at_once
            task_prerun.connect(self._note_task, weak=False)
            task_postrun.connect(self._forget_task, weak=False)

        class ConsumerPulse(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery is untyped
            """Ticks in the consumer's event loop for as long as it is connected to the broker."""

            requires = {"celery.worker.consumer.tasks:Tasks"}

            def start(self, consumer: Any) -> None:
                heartbeat.tick()
                heartbeat._is_connected = True
                self.timer = consumer.timer.call_repeatedly(TICK_S, heartbeat.tick)

            def stop(self, consumer: Any) -> None:
                heartbeat._is_connected = False
                self.timer.cancel()

        app.steps["consumer"].add(ConsumerPulse)
        worker_ready.connect(lambda **_: self._thread.start(), weak=False)
        worker_shutdown.connect(lambda **_: self.stop(), weak=False)

    def _note_task(self, task_id: str, **_: object) -> None:
        with self._noting:
            self._tasks_since_s[task_id] = time.monotonic()

    def _forget_task(self, task_id: str, **_: object) -> None:
        with self._noting:
            self._tasks_since_s.pop(task_id, None)

    def _all_tasks_stuck_s(self) -> float:
        """For how long every task that can run at once has been running, and none has begun."""
        with self._noting:
            begun_s = list(self._tasks_since_s.values())
        if self._quick_tasks_at_once is None or len(begun_s) < self._quick_tasks_at_once:
            return 0
        return time.monotonic() - max(begun_s)

    def tick(self) -> None:
        self._ticked_s = time.monotonic()

    @contextmanager
    def at(self, job_id: str) -> Iterator[None]:
        """Tell that the worker is at this job while the block runs."""
        self.turn_to(job_id)
        try:
            yield
        finally:
            self.turn_to(None)

    def turn_to(self, job_id: str | None) -> None:
        """Tell what the worker is at from now on."""
        self._job_id, self._since_s = job_id, time.monotonic()
        self._due.set()

    def find_trouble(self) -> str | None:
        """Why this process should be killed and started again, in a sentence; None while it is well.

        Never while a job trains: whether its trainer gets on is for the supervisor to judge. Nor while the
        broker is away, which another process would not find either.
        """
        if self.progress is not None and (overdue_s := self.progress.overdue_s()) > 0:
            if math.isinf(overdue_s):
                return "it will never answer a request again"
            return f"something has not ended that should have {overdue_s:.0f} s ago"
        if (stuck_s := self._all_tasks_stuck_s()) > self.silence_limit_s:
            return f"it has taken nothing in for {stuck_s:.0f} s: what all its threads are at does not end"
        trains = self._queue == TRAIN_QUEUE and self._job_id is not None
        still_s = time.monotonic() - self._ticked_s
        if self._is_connected and still_s > self.silence_limit_s and not trains:
            return f"it has taken no message for {still_s:.0f} s, although it is connected to the broker"
        return None

    def _run(self) -> None:
        while True:
            self._due.clear()
            if self._stopped:
                return
            self._write(self._tell)
            self._due.wait(self._settings.renew_s)

    def _tell(self) -> None:
        now = time.monotonic()
        values = {
            "id": self.worker_id,
            "queue": self._queue,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "listening": now - self._ticked_s < self.silence_limit_s,
            "job_id": self._job_id,
            "memory_bytes": self._memory_bytes,
            "trouble": self.find_trouble(),
        }
        with self._database.write() as session:
            record_heartbeat(session, values, age_s=now - self._started_s, state_age_s=now - self._since_s)

    def stop(self) -> None:
        """Take leave, also if it never began: the worker may have ended before it was ready."""
        self._stopped = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()
        self._write(self._leave)

    def _leave(self) -> None:
        with self._database.write() as session:
            retire(session, self.worker_id)

    def _write(self, action: Any) -> None:
        try:
            action()
        except (OperationalError, ProgrammingError) as error:
            # Away, or not migrated yet: the next sign of life is soon.
            log.warning("could not tell the database of this worker: %s", error.orig)
