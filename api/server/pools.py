"""Which thread pool each view runs in.

Each kind of work has threads of its own, so that no request waits for threads that another kind holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
"""Those that only read (RFC 9110, section 9.2.1)."""

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class PoolConfig:
    name: str

    max_threads: int
    """Each is started when it is needed."""

    has_queue: bool = True
    """Whether a request waits while all threads are busy; else it is refused with 503."""

    streams_body: bool = False
    """Whether the view is called as soon as the head has arrived and reads the body as it comes, instead of
    when the body is complete."""

    drops_disconnected: bool = False
    """Whether a request is dropped if its client disconnects before a thread is free."""


HEALTH = PoolConfig("health", 2)
"""Views that ask neither the database nor the broker, and so can't hang."""

MONITORING = PoolConfig("monitoring", 2)
"""Views for monitors. They bound their wait for the database themselves, and are answered without it."""

READS = PoolConfig("reads", 16)
WRITES = PoolConfig("writes", 8)
"""Apart, because on SQLite writers wait for each other, and for other processes' writing."""

PLOTS = PoolConfig("plots", 1, drops_disconnected=True)
"""One process draws them, one after the other."""

GENERATIONS = PoolConfig("generations", 512, has_queue=False)
"""Views that wait for a generation worker. In a queue they would exceed the time limit that they keep."""

TEXTS = PoolConfig("texts", 2, drops_disconnected=True)
"""Views that read through texts of any length."""

UPLOADS = PoolConfig("uploads", 8, streams_body=True)

STREAMS = PoolConfig("streams", 512, has_queue=False)
"""Where responses of great or unknown length are sent from, whichever pool their views ran in. Views of
downloads run here too: one may read all that it sends before it begins, to see that it is whole."""

POOL_ATTRIBUTE = "_pool"


def in_pool(pool: PoolConfig) -> Callable[[View], View]:
    """Run a view in `pool`. Without this decorator: in READS, or WRITES if the method is not safe."""

    def mark(view: View) -> View:
        setattr(view, POOL_ATTRIBUTE, pool)
        return view

    return mark


class PoolRouter:
    """Finds the pool of a request by its method and path, as Flask finds its view."""

    def __init__(self, app: Flask) -> None:
        self._views = app.view_functions
        self._routes = app.url_map.bind("localhost")

    def pool_of(self, method: str, path: str) -> PoolConfig:
        default = READS if method in SAFE_METHODS else WRITES
        try:
            endpoint, _ = self._routes.match(path, method)
        except (HTTPException, RequestRedirect):
            return default  # no work: an error or a redirect
        return getattr(self._views[endpoint], POOL_ATTRIBUTE, default)
