"""The Celery application, and the doorbell: a message that carries an id and nothing else.

SQL is the truth. A message that is lost is published again by `worker.keeper`; one that comes twice finds
that the row has been claimed.
"""

from celery import Celery
from kombu.entity import Queue
from redis import Redis

from jobs.settings import Settings
from jobs.tables import Job

TRAIN_TASK = "pretrain.train"
GENERATE_TASK = "pretrain.generate"
TRAIN_QUEUE = "train"
GENERATE_QUEUE = "generate"
PRIORITIES = range(10)
BROKER_TIMEOUT_S = 5


def make_celery(settings: Settings) -> Celery:
    app = Celery("pretrain", broker=settings.redis)
    app.conf.update(
        task_queues=[Queue(TRAIN_QUEUE), Queue(GENERATE_QUEUE)],
        task_default_queue=TRAIN_QUEUE,
        # With late acknowledgement the Redis transport would deliver a task again after its visibility
        # timeout, an hour, although it is still running. A lost message costs one keeper interval.
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
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
    )


def publish_job(celery: Celery, job: Job) -> None:
    """Ring for a queued job. Redis takes the lowest number first. raises kombu's OperationalError"""
    celery.send_task(
        TRAIN_TASK, args=[job.id], queue=job.queue, priority=PRIORITIES[-1] - job.priority, retry=False
    )


def waiting_messages(redis: Redis, queue: str) -> int:
    """Messages in `queue` that no worker has taken, over all priorities (kombu keeps a list for each)."""
    separator = "\x06\x16"
    names = [queue, *(f"{queue}{separator}{priority}" for priority in PRIORITIES if priority)]
    return sum(int(redis.llen(name)) for name in names)
