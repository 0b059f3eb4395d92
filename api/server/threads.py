"""Thread pools, one for each `PoolConfig`."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from api.http.problems import unavailable
from api.monitoring.requests import POOL_BUSY, POOL_QUEUED
from api.server.pools import PoolConfig

log = logging.getLogger(__name__)

IDLE_TIMEOUT_S = 30
"""After which a thread that has nothing to do ends."""

Task = Callable[[], None]


class ThreadPools:
    def __init__(self) -> None:
        self._pools: dict[str, ThreadPool] = {}

    def submit(self, config: PoolConfig, task: Task) -> None:
        """Have a thread of that pool call `task`; returns at once.

        raises  HTTPProblem (503) if all threads are busy and the pool has no queue
        """
        pool = self._pools.get(config.name) or self._pools.setdefault(config.name, ThreadPool(config))
        if not pool.submit(task):
            raise unavailable(f"{config.max_threads} requests of this kind are being answered already")


class ThreadPool:
    """Unlike those of `concurrent.futures`, its threads are daemons, so that a view that hangs does not keep
    the process alive; they end when they are idle; and `submit` never waits for one to start."""

    def __init__(self, config: PoolConfig) -> None:
        self._config = config
        self._queued = POOL_QUEUED.labels(config.name)
        self._busy = POOL_BUSY.labels(config.name)
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._idle_threads = 0
        self._threads = 0
        self._start_requests: SimpleQueue[None] = SimpleQueue()
        starter = threading.Thread(target=self._start_threads, daemon=True, name=f"{config.name} starter")
        starter.start()

    def submit(self, task: Task) -> bool:
        """Whether the pool has taken `task`."""
        with self._changed:
            has_idle_thread = len(self._tasks) < self._idle_threads
            can_grow = self._threads < self._config.max_threads
            if not (has_idle_thread or can_grow or self._config.has_queue):
                return False
            self._tasks.append(task)
            self._queued.inc()
            if has_idle_thread:
                self._changed.notify()
            elif can_grow:
                self._threads += 1
                self._start_requests.put(None)
            return True

    def _start_threads(self) -> None:
        """Start threads in a thread of its own: `Thread.start` returns only once the new thread has got the
        interpreter's lock, and hundreds may be needed at once."""
        while True:
            self._start_requests.get()
            threading.Thread(target=self._work, daemon=True, name=self._config.name).start()

    def _work(self) -> None:
        while task := self._next_task():
            with self._busy.track_inprogress():
                try:
                    task()
                except Exception:  # the thread goes on: else the pool would have one less for good
                    log.exception("a task of the pool %s failed", self._config.name)

    def _next_task(self) -> Task | None:
        """The next task; None after IDLE_TIMEOUT_S without one."""
        with self._changed:
            self._idle_threads += 1
            has_task = self._changed.wait_for(lambda: self._tasks, IDLE_TIMEOUT_S)
            self._idle_threads -= 1
            if has_task:
                self._queued.dec()
                return self._tasks.popleft()
            self._threads -= 1
            return None
