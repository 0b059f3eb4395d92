"""The Celery application, and publishing the messages of its queues `train` and `prepare`.

SQL is the truth, and the queue. A training worker's message carries nothing: whoever receives it looks in SQL
for the job whose turn it is. If it is lost, `worker.keeper` publishes another; one too many finds no job.
"""

import logging
import time
from weakref import WeakKeyDictionary

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis import Redis

from jobs.settings import Settings
from jobs.spec.job_spec import PRIORITIES

log = logging.getLogger(__name__)

_away_until_s: WeakKeyDictionary[Celery, float] = WeakKeyDictionary()
"""By the monotonic clock."""

TRAIN_TASK = "pretrain.train"
GENERATE_TASK = "pretrain.generate"
PREPARE_TASK = "pretrain.prepare"
TRAIN_QUEUE = "train"
GENERATE_QUEUE = "generate"
PREPARE_QUEUE = "prepare"
HTTP_REQUEST_ID_HEADER = "http_request_id"
"""Of a message of the queue `generate`: the id of the HTTP request that asks, for the worker's log."""
BROKER_TIMEOUT_S = 5
AWAY_S = 2
"""After a broker has not answered, nobody waits for it again for so long: requests that stand in line for a
thread would wait one after the other."""
MAX_CONNECTIONS = 10_000
"""Of one Redis client. Each request that waits for a generation has one; the library's limit is a hundred."""


def make_celery(settings: Settings) -> Celery:
    app = Celery("pretrain", broker=settings.redis)
    app.conf.update(
        task_queues=[Queue(TRAIN_QUEUE), Queue(GENERATE_QUEUE), Queue(PREPARE_QUEUE)],
        task_default_queue=TRAIN_QUEUE,
        # With late acknowledgement the Redis transport would deliver a task again after its visibility
        # timeout, an hour, although it is still running. A lost message costs one keeper interval.
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_ignore_result=True,
        # A worker takes a message when a thread is free for its task. A prefetch count would count messages
        # not yet acknowledged, among which one whose acknowledgement failed stays for good.
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=0,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        accept_content=["json"],
        task_serializer="json",
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": BROKER_TIMEOUT_S,
            "socket_connect_timeout": BROKER_TIMEOUT_S,
            "socket_keepalive": True,
            # The version before gave messages their job's priority, and kombu has a list for each.
            "priority_steps": list(PRIORITIES),
            "queue_order_strategy": "priority",
        },
    )
    return app


def make_redis(settings: Settings, timeout_s: float = BROKER_TIMEOUT_S) -> Redis:
    return Redis.from_url(
        settings.redis,
        socket_timeout=timeout_s,
        socket_connect_timeout=BROKER_TIMEOUT_S,
        decode_responses=True,
        max_connections=MAX_CONNECTIONS,
    )


def publish(celery: Celery, queue: str) -> None:
    """Tell a worker of `queue` that a job, or a data set, waits there. raises kombu's OperationalError"""
    task = PREPARE_TASK if queue == PREPARE_QUEUE else TRAIN_TASK
    celery.send_task(task, queue=queue, retry=False)


def publish_if_possible(celery: Celery, queue: str) -> None:
    """`publish`, but while the broker is away leave it to the keeper, which does it later.

    Called when a job is submitted or resumed, and by the task `prepare` when a job's texts are ready. For a
    job that a supervisor or the reaper puts back, and for whatever was lost, the keeper publishes.
    """
    if time.monotonic() < _away_until_s.get(celery, 0.0):
        return
    try:
        publish(celery, queue)
    except OperationalError as error:
        _away_until_s[celery] = time.monotonic() + AWAY_S
        log.warning("the broker does not answer; the keeper will publish to %s: %s", queue, error)
