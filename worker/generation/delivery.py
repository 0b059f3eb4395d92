"""Messages on their way from the decoding thread to the requesters: one thread speaks with Redis."""

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis, RedisError

from jobs.broker.generation import Message, deliver, is_last

log = logging.getLogger(__name__)

PAUSE_S = 0.03
"""Between two deliveries. Nobody reads faster, and each takes time from the cores that decode."""
RETRY_S = 0.5
"""Until the next try where Redis is away."""
KEEP_ALIVE_S = 0.25
"""Between two deliveries, at most, also of nothing: they tell which requests nobody waits for any more."""
SILENCE_S = 10
"""Without an answer from Redis for so long, nobody waits any more: requesters give up before."""


class Delivery:
    """Sends messages, and keeps requests alive until their last one is sent."""

    def __init__(self, redis: Redis, worker_id: str) -> None:
        self._redis = redis
        self._worker_id = worker_id
        self._changed = threading.Condition()
        self._unsent: dict[str, list[Message]] = {}
        """By the ids of the requests that are kept alive."""
        self._ended: set[str] = set()
        """Those whose last message is unsent."""
        self._closed = False
        self._answered_s = self._all_kept_alive_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self, on_cancelled: Callable[[str], object]) -> None:
        """`on_cancelled` is called with each request that nobody waits for any more, in this thread."""
        self._on_cancelled = on_cancelled
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def keep_alive(self, request_id: str) -> bool:
        """Keep a request alive from now on; False if that is done already."""
        with self._changed:
            if request_id in self._unsent:
                return False
            self._unsent[request_id] = []
            return True

    def send(self, request_id: str, message: Message) -> None:
        """Nothing if nobody waits for it any more."""
        with self._changed:
            if request_id in self._unsent:
                self._unsent[request_id].append(message)
                if is_last(message):
                    self._ended.add(request_id)
                self._changed.notify()

    def close(self) -> None:
        """Send what there is, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, timeout=KEEP_ALIVE_S)
                is_due = time.monotonic() - self._all_kept_alive_s >= KEEP_ALIVE_S
                outbox = {
                    request_id: messages
                    for request_id, messages in self._unsent.items()
                    if messages or is_due
                }
                for request_id in outbox:
                    self._unsent[request_id] = []
                closed = self._closed
            was_taken = self._deliver(outbox)
            if is_due:
                self._all_kept_alive_s = time.monotonic()
            if closed:
                return
            time.sleep(PAUSE_S if was_taken else RETRY_S)

    def _has_work(self) -> bool:
        return self._closed or any(self._unsent.values())

    def _deliver(self, outbox: dict[str, list[Message]]) -> bool:
        """Whether Redis took it."""
        was_taken = True
        try:
            cancelled = deliver(self._redis, self._worker_id, outbox) if outbox else set()
            self._answered_s = time.monotonic()
        except RedisError as error:
            log.warning("the broker does not answer: %s", error)
            was_taken = False
            is_over = time.monotonic() - self._answered_s > SILENCE_S
            cancelled = set(outbox) if is_over else set()
            with self._changed:
                for request_id, messages in outbox.items():
                    self._unsent[request_id][:0] = messages  # before those that came meanwhile
        with self._changed:
            for request_id in outbox:
                has_sent_all = request_id in self._ended and not self._unsent[request_id]
                if request_id in cancelled or has_sent_all:
                    del self._unsent[request_id]
                    self._ended.discard(request_id)
        for request_id in cancelled:
            self._on_cancelled(request_id)
        return was_taken
