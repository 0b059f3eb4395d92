"""What the computing thread has made, on its way to those who asked: one thread speaks with Redis."""

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis, RedisError

from jobs.broker.generation import Message, deliver, is_last

log = logging.getLogger(__name__)

PAUSE_S = 0.03
"""Between two deliveries. Nobody reads faster, and each takes time from the cores that compute."""
RETRY_S = 0.5
"""Until the next try where Redis is away."""
LOOK_S = 0.25
"""Between looks at whether the requests are still awaited."""
SILENCE_S = 10
"""Without a word from Redis for so long, nobody waits any more: askers give up before."""


class Delivery:
    """Sends messages, and keeps requests alive until their last one is sent."""

    def __init__(self, redis: Redis, worker_id: str) -> None:
        self._redis = redis
        self._worker_id = worker_id
        self._changing = threading.Condition()
        self._messages: dict[str, list[Message]] = {}
        """Of each request those that wait to be sent."""
        self._ended: set[str] = set()
        """Those whose last message is among them."""
        self._closed = False
        self._heard_s = self._looked_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self, on_unwanted: Callable[[str], object]) -> None:
        """`on_unwanted` is called with each request that nobody waits for any more, in this thread."""
        self._on_unwanted = on_unwanted
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def follow(self, request_id: str) -> bool:
        """Keep a request alive from now on; False if that is done already."""
        with self._changing:
            if request_id in self._messages:
                return False
            self._messages[request_id] = []
            return True

    def send(self, request_id: str, message: Message) -> None:
        """Nothing if nobody waits for it any more."""
        with self._changing:
            if request_id in self._messages:
                self._messages[request_id].append(message)
                if is_last(message):
                    self._ended.add(request_id)
                self._changing.notify()

    def close(self) -> None:
        """Send what there is, and end."""
        with self._changing:
            self._closed = True
            self._changing.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changing:
                self._changing.wait_for(self._has_something, timeout=LOOK_S)
                looks = time.monotonic() - self._looked_s >= LOOK_S
                outbox = {
                    request_id: messages
                    for request_id, messages in self._messages.items()
                    if messages or looks
                }
                for request_id in outbox:
                    self._messages[request_id] = []
                closed = self._closed
            was_heard = self._deliver(outbox)
            if looks:
                self._looked_s = time.monotonic()
            if closed:
                return
            time.sleep(PAUSE_S if was_heard else RETRY_S)

    def _has_something(self) -> bool:
        return self._closed or any(self._messages.values())

    def _deliver(self, outbox: dict[str, list[Message]]) -> bool:
        """Whether Redis took it."""
        was_heard = True
        try:
            unwanted = deliver(self._redis, self._worker_id, outbox) if outbox else set()
            self._heard_s = time.monotonic()
        except RedisError as error:
            log.warning("the broker does not answer: %s", error)
            was_heard = False
            is_over = time.monotonic() - self._heard_s > SILENCE_S
            unwanted = set(outbox) if is_over else set()
            with self._changing:
                for request_id, messages in outbox.items():
                    self._messages[request_id][:0] = messages  # before those that came meanwhile
        with self._changing:
            for request_id in outbox:
                sent_all = request_id in self._ended and not self._messages[request_id]
                if request_id in unwanted or sent_all:
                    del self._messages[request_id]
                    self._ended.discard(request_id)
        for request_id in unwanted:
            self._on_unwanted(request_id)
        return was_heard
