"""The broker's messages, counted."""

from jobs.broker.queue import TRAIN_QUEUE, make_redis
from jobs.settings import Settings


def messages(settings: Settings, queue: str = TRAIN_QUEUE) -> int:
    """Those for `queue` that no worker has taken."""
    return int(make_redis(settings).llen(queue))
