"""Requests: how many, how long each took until its response began, and what waits in the pools.

The label `route` is a rule of the URL map, such as `/jobs/<job_id>`, never a path: there are as many values
as there are routes, whatever is asked for.
"""

import time
from wsgiref.types import WSGIEnvironment

from flask import Flask, request
from prometheus_client import Counter, Gauge, Histogram

from api.monitoring.registry import REGISTRY

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
OTHER = "other"
"""Of a path that has no route, and of a method that HTTP does not define."""

ROUTE = "pretrain.route"
"""Where a request's environment has the rule that it was routed to."""

DURATION = Histogram(
    "pretrain_http_request_duration_seconds",
    "From when a request was read to when its response began, or was handed over whole.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
    registry=REGISTRY,
)
IN_PROGRESS = Gauge(
    "pretrain_http_requests_in_progress",
    "Requests that wait for a thread or are being answered by one, streams until their end.",
    registry=REGISTRY,
)
PUSHED_STREAMS = Gauge(
    "pretrain_http_pushed_streams",
    "Streams that hold no thread: those of events.",
    registry=REGISTRY,
)
REJECTIONS = Counter(
    "pretrain_http_rejections",
    "Requests that the server refused without calling the application.",
    ["status"],
    registry=REGISTRY,
)
POOL_QUEUED = Gauge(
    "pretrain_http_pool_queued_requests",
    "Requests that wait for a thread of the pool.",
    ["pool"],
    registry=REGISTRY,
)
POOL_BUSY = Gauge(
    "pretrain_http_pool_busy_threads",
    "Threads of the pool that answer a request.",
    ["pool"],
    registry=REGISTRY,
)


class RequestMeter:
    """Measures one request, from when it has been read.

    environ  the request's, in which the application notes its route (`register_monitoring`)
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ
        self._began_s = time.perf_counter()
        IN_PROGRESS.inc()

    def begin_response(self, status: int) -> None:
        method = self._environ["REQUEST_METHOD"]
        route = self._environ.get(ROUTE, OTHER)
        labels = DURATION.labels(route, method if method in METHODS else OTHER, str(int(status)))
        labels.observe(time.perf_counter() - self._began_s)

    def end(self) -> None:
        IN_PROGRESS.dec()


def register_monitoring(app: Flask) -> None:
    app.before_request(note_route)


def note_route() -> None:
    """Tell the server which rule the request was routed to, if any."""
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule
