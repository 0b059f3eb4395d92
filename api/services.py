"""What the views work with: one of each for the process, safe to share between threads."""

from dataclasses import dataclass

from celery import Celery
from flask import current_app
from redis import Redis

from jobs.broker.queue import make_celery, make_redis
from jobs.settings import Settings
from jobs.store.database import Database

EXTENSION = "pretrain"
CONNECTIONS = 64
"""To the database, and to the broker for messages: enough for all requests that may wait for either at the
same time, so that none waits for another's. Those for generations need them only for a moment."""


@dataclass(frozen=True)
class Services:
    """Nothing here connects before it is used: the API starts while the database or the broker is away."""

    settings: Settings
    database: Database
    celery: Celery
    redis: Redis
    """Gives up after a few seconds."""


def open_services(settings: Settings) -> Services:
    return Services(
        settings=settings,
        database=Database(settings.database, CONNECTIONS),
        celery=make_publisher(settings),
        redis=make_redis(settings),
    )


def make_publisher(settings: Settings) -> Celery:
    """A Celery application that gives up at once when the broker refuses connections, soon when it is silent.

    Kombu would try for six seconds, and the request with it; the keeper announces the job soon after anyway.
    With fewer connections than requests, some would first wait for those that wait for a silent broker.
    """
    celery = make_celery(settings)
    celery.conf.broker_pool_limit = CONNECTIONS
    celery.conf.broker_transport_options |= {"max_retries": 1, "interval_start": 0}
    return celery


def services() -> Services:
    """Those of the application that answers the present request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
