"""What the views work with: settings, database, broker. One of each for the process, safe between threads."""

from dataclasses import dataclass, field

from celery import Celery
from flask import current_app
from prometheus_client import CollectorRegistry
from redis import Redis

from api.kept_bodies import KeptBodies
from api.monitoring.registry import REGISTRY
from api.monitoring.stored_figures import StoredFigures
from api.wrong_tokens import WrongTokens
from jobs.broker.queue import make_celery, make_redis
from jobs.lifecycle.loss_curves import LossCurves
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.token_cache import TokenCache

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
    metrics: CollectorRegistry
    """What Prometheus scrapes: of this process, and of the database."""
    tokens: TokenCache
    wrong_tokens: WrongTokens = field(default_factory=WrongTokens)
    curves: LossCurves = field(default_factory=LossCurves)
    bodies: KeptBodies = field(default_factory=KeptBodies)


def open_services(settings: Settings) -> Services:
    database = Database(settings.database, MAX_CONNECTIONS)
    metrics = CollectorRegistry(auto_describe=False)
    metrics.register(REGISTRY)
    metrics.register(StoredFigures(database, settings.lease_s))
    return Services(
        settings=settings,
        database=database,
        celery=make_publisher(settings),
        redis=make_redis(settings),
        metrics=metrics,
        tokens=TokenCache(database, is_public=settings.is_public),
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
