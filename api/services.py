"""What the views work with: settings, database, broker. One of each for the process, safe between threads."""

from dataclasses import dataclass

from celery import Celery
from flask import current_app
from redis import Redis

from jobs.broker.queue import make_celery, make_redis
from jobs.settings import Settings
from jobs.store.database import Database

EXTENSION = "pretrain"
MAX_CONNECTIONS = 64
"""To the database, and to the broker for Celery's messages: enough for all requests that may wait for either
at the same time, so that none waits for another's. Generations need them only for a moment."""

PUBLISH_TIMEOUT_S = 2
"""For a broker that does not answer: meanwhile a request holds one of a few threads."""


@dataclass(frozen=True)
class Services:
    """Connects when it is used first, so that the API can start without database and broker."""

    settings: Settings
    database: Database
    celery: Celery
    redis: Redis
    """For generations, apart from Celery; its timeout is a few seconds."""


def open_services(settings: Settings) -> Services:
    return Services(
        settings=settings,
        database=Database(settings.database, MAX_CONNECTIONS),
        celery=make_publisher(settings),
        redis=make_redis(settings),
    )


def make_publisher(settings: Settings) -> Celery:
    """A Celery application that gives up at once if the broker refuses connections, soon if it does not
    answer.

    By default Kombu would retry for six seconds, and hold up the request; the keeper publishes the job soon
    afterwards anyway. With fewer connections, requests would queue for those that wait for the broker.
    """
    celery = make_celery(settings)
    celery.conf.broker_pool_limit = MAX_CONNECTIONS
    celery.conf.broker_transport_options |= {
        "max_retries": 1,
        "interval_start": 0,
        "socket_timeout": PUBLISH_TIMEOUT_S,
        "socket_connect_timeout": PUBLISH_TIMEOUT_S,
    }
    return celery


def services() -> Services:
    """Those of the current Flask application."""
    own: Services = current_app.extensions[EXTENSION]
    return own
