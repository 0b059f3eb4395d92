"""Lanes: each kind of work has threads of its own, so that none waits for those of another kind."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from api.http.problems import unavailable

IDLE_S = 30
"""Seconds after which a thread that has nothing to do ends."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

Task = Callable[[], None]
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Lane:
    name: str

    threads: int
    """At most; each is made when it is needed."""

    queues: bool = True
    """Whether a request waits when all threads are taken; else it is refused."""

    streams_body: bool = False
    """Whether the view is called at once and reads the body as it arrives, instead of when it is complete."""

    for_present_clients: bool = False
    """Whether a request is dropped if its client goes before a thread is free."""


ALIVE = Lane("alive", 2)
"""What asks neither the database nor the broker, and so can't hang."""

READS = Lane("reads", 16)
WRITES = Lane("writes", 8)
"""Apart, because on SQLite they wait for each other, and for other processes' writing."""

PLOTS = Lane("plots", 1, for_present_clients=True)
"""One process draws them, one after the other."""

WAITS = Lane("waits", 512, queues=False)
"""What waits for a worker's answer. In a queue it would wait twice as long as it was told."""

UPLOADS = Lane("uploads", 8, streams_body=True)

STREAMS = Lane("streams", 512, queues=False)
"""Answers that are still made while they are sent, whichever lane their views were called in."""

LANE_ATTRIBUTE = "_lane"


def in_lane(lane: Lane) -> Callable[[View], View]:
    """Have a view called in `lane`. Without: in READS, or WRITES if the method is not safe."""

    def mark(view: View) -> View:
        setattr(view, LANE_ATTRIBUTE, lane)
        return view

    return mark


class Routes:
    """Which lane a request belongs to, by its method and path."""

    def __init__(self, app: Flask) -> None:
        self._views = app.view_functions
        self._routes = app.url_map.bind("localhost")

    def lane_of(self, method: str, path: str) -> Lane:
        default = READS if method in SAFE_METHODS else WRITES
        try:
            endpoint, _ = self._routes.match(path, method)
        except (HTTPException, RequestRedirect):
            return default  # no work: an error or a redirect
        return getattr(self._views[endpoint], LANE_ATTRIBUTE, default)


class Threads:
    """The threads of every lane."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    def submit(self, lane: Lane, task: Task) -> None:
        """Have `task` called in a thread of `lane`; returns at once.

        raises  Refusal (503) if there is no thread for it, and the lane has no queue
        """
        pool = self._pools.get(lane.name) or self._pools.setdefault(lane.name, Pool(lane))
        if not pool.submit(task):
            raise unavailable(f"{lane.threads} requests of this kind are being answered already")


class Pool:
    """A lane's threads, and what waits for one. They are daemons: a view that hangs must not keep the
    process alive."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._threads = 0
        self._wanted: SimpleQueue[None] = SimpleQueue()
        threading.Thread(target=self._start_wanted, daemon=True, name=f"{lane.name} starter").start()

    def submit(self, task: Task) -> bool:
        """Whether `task` was taken."""
        with self._changed:
            has_thread = len(self._tasks) < self._idle
            can_grow = self._threads < self._lane.threads
            if not (has_thread or can_grow or self._lane.queues):
                return False
            self._tasks.append(task)
            if has_thread:
                self._changed.notify()
            elif can_grow:
                self._threads += 1
                self._wanted.put(None)
            return True

    def _start_wanted(self) -> None:
        """Start threads, apart from whoever needs them: that takes until the new one has hold of the
        interpreter, and hundreds may be wanted at once."""
        while True:
            self._wanted.get()
            threading.Thread(target=self._work, daemon=True, name=self._lane.name).start()

    def _work(self) -> None:
        while task := self._next_task():
            task()

    def _next_task(self) -> Task | None:
        """What to do next; None when there has been nothing for a while."""
        with self._changed:
            self._idle += 1
            there_is = self._changed.wait_for(lambda: self._tasks, IDLE_S)
            self._idle -= 1
            if there_is:
                return self._tasks.popleft()
            self._threads -= 1
            return None
