"""The worker heartbeat: its row in the `workers` table, renewed while it lives, with what it does."""

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from celery import Celery, bootsteps
from celery.signals import task_postrun, task_prerun, worker_ready, worker_shutdown
from sqlalchemy.exc import OperationalError, ProgrammingError

from jobs.broker.queue import TRAIN_QUEUE
from jobs.lifecycle.workers import record_heartbeat, remove_worker
from jobs.settings import SILENCE_SHARE, Settings
from jobs.store.database import Database
from model.estimate.machine import Calibration

log = logging.getLogger(__name__)

TICK_S = 0.1
"""Also how late a worker that has ended a job receives the next message: Celery looks whether it is free when
its loop turns, and while there is nothing to read only its timers turn that, the others of them once a
second."""


class Deadlines(Protocol):
    """Work that has deadlines."""

    def overdue_s(self) -> float:
        """How long the latest piece of it is past its deadline; 0 if none is, infinite if it can't end."""


class Heartbeat:
    """Writes this worker's row every `PRETRAIN_RENEW_S`, and at once when its job changes.

    memory_bytes  that it has for a job, if it knows
    device        that it trains on, if it knows
    deadlines     of the work that is not a job's: see `find_trouble`
    is_warm       whether it can work as soon as Celery is ready; else its row is written from `warmed_up` on

    Whether it listens is not the thread's to say: the consumer's own event loop ticks, and a worker whose
    loop has not turned for `silence_limit_s` no longer receives messages, however alive its process.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        queue: str,
        *,
        memory_bytes: int | None = None,
        device: str | None = None,
        deadlines: Deadlines | None = None,
        is_warm: bool = True,
    ) -> None:
        self.worker_id = f"{queue}-{socket.gethostname()}-{os.getpid()}"
        self.silence_limit_s = SILENCE_SHARE * settings.lease_s
        self.deadlines = deadlines
        self._database = database
        self._settings = settings
        self._queue = queue
        self._memory_bytes, self._device = memory_bytes, device
        self._calibration: Calibration | None = None
        self._job_id: str | None = None
        self._is_connected = False
        self._started_s = self._since_s = self._ticked_s = time.monotonic()
        self._quick_task_slots: int | None = None
        self._task_starts_s: dict[str, float] = {}
        self._lock = threading.Lock()
        self._start_steps = {"celery"} if is_warm else {"celery", "warm-up"}
        """Those that must be done before the row is written."""
        self._changed = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def attach(self, app: Celery, quick_task_slots: int | None = None) -> None:
        """Begin when the worker is ready, and end with it.

        quick_task_slots  how many tasks run side by side, where all of them are short
        """
        heartbeat = self
        if quick_task_slots is not None:
            self._quick_task_slots = quick_task_slots
            task_prerun.connect(self._note_task_start, weak=False)
            task_postrun.connect(self._note_task_end, weak=False)

        class ConsumerTicks(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery is untyped
            """Ticks in the consumer's event loop for as long as it is connected to the broker."""

            requires = {"celery.worker.consumer.tasks:Tasks"}

            def start(self, consumer: Any) -> None:
                heartbeat.tick()
                heartbeat._is_connected = True
                self.timer = consumer.timer.call_repeatedly(TICK_S, heartbeat.tick)

            def stop(self, consumer: Any) -> None:
                heartbeat._is_connected = False
                self.timer.cancel()

        app.steps["consumer"].add(ConsumerTicks)
        worker_ready.connect(lambda **_: self._finish_start_step("celery"), weak=False)
        worker_shutdown.connect(lambda **_: self.stop(), weak=False)

    def warmed_up(self) -> None:
        """From now on it can work, if Celery is ready."""
        self._finish_start_step("warm-up")

    def _finish_start_step(self, step: str) -> None:
        with self._lock:
            is_last = self._start_steps == {step}
            self._start_steps.discard(step)
            if is_last and not self._stopped:
                self._thread.start()

    def _note_task_start(self, task_id: str, **_: object) -> None:
        with self._lock:
            self._task_starts_s[task_id] = time.monotonic()

    def _note_task_end(self, task_id: str, **_: object) -> None:
        with self._lock:
            self._task_starts_s.pop(task_id, None)

    def _all_slots_stuck_s(self) -> float:
        """For how long every slot has been taken by the same task."""
        with self._lock:
            starts_s = list(self._task_starts_s.values())
        if self._quick_task_slots is None or len(starts_s) < self._quick_task_slots:
            return 0
        return time.monotonic() - max(starts_s)

    def tick(self) -> None:
        self._ticked_s = time.monotonic()

    @contextmanager
    def running(self, job_id: str) -> Iterator[None]:
        """Show that the worker runs this job while the block does."""
        self.set_job(job_id)
        try:
            yield
        finally:
            self.set_job(None)

    def set_job(self, job_id: str | None) -> None:
        """Show from now on that the worker runs this job, or none."""
        self._job_id, self._since_s = job_id, time.monotonic()
        self._changed.set()

    @property
    def idle_s(self) -> float:
        """For how long it has run no job; 0 while it runs one."""
        return 0.0 if self._job_id is not None else time.monotonic() - self._since_s

    def set_calibration(self, calibration: Calibration) -> None:
        """Show from now on how fast its machine trains."""
        self._calibration = calibration
        self._changed.set()

    def find_trouble(self) -> str | None:
        """Why this process should be killed and started again, in a sentence; None while it is well.

        Never while a job trains: whether its trainer gets on is for the supervisor to judge. Nor while the
        broker is away, which another process would not reach either.
        """
        if self.deadlines is not None and (overdue_s := self.deadlines.overdue_s()) > 0:
            if math.isinf(overdue_s):
                return "it will never answer a request again"
            return f"something has not ended that should have {overdue_s:.0f} s ago"
        if (stuck_s := self._all_slots_stuck_s()) > self.silence_limit_s:
            return f"it has begun no task for {stuck_s:.0f} s: those of all its threads do not end"
        trains = self._queue == TRAIN_QUEUE and self._job_id is not None
        still_s = time.monotonic() - self._ticked_s
        if self._is_connected and still_s > self.silence_limit_s and not trains:
            return f"it has taken no message for {still_s:.0f} s, although it is connected to the broker"
        return None

    def _run(self) -> None:
        while True:
            self._changed.clear()
            if self._stopped:
                return
            self._try(self._record)
            self._changed.wait(self._settings.renew_s)

    def _record(self) -> None:
        now = time.monotonic()
        values = {
            "id": self.worker_id,
            "queue": self._queue,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "listening": now - self._ticked_s < self.silence_limit_s,
            "job_id": self._job_id,
            "memory_bytes": self._memory_bytes,
            "device": self._device,
            "calibration": self._calibration and self._calibration.to_json(),
            "trouble": self.find_trouble(),
        }
        with self._database.write() as session:
            record_heartbeat(session, values, age_s=now - self._started_s, state_age_s=now - self._since_s)

    def stop(self) -> None:
        """Remove the row, also if none was ever written: the worker may have ended before it was ready."""
        with self._lock:
            self._stopped = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._try(self._remove)

    def _remove(self) -> None:
        with self._database.write() as session:
            remove_worker(session, self.worker_id)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OperationalError, ProgrammingError) as error:
            # Away, or not migrated yet: the next heartbeat is soon.
            log.warning("could not record the worker heartbeat: %s", error.orig)
