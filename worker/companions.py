"""Prompts that wait for the same model and are continued side by side."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key")
Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class Waiting(Generic[Key, Request, Answer]):
    key: Key
    request: Request
    answer: Future[Answer] = field(default_factory=Future)


class Companions(Generic[Key, Request, Answer]):
    """Lets threads that ask for one thing each have it computed for several at once.

    A round is for the request that has waited longest and others with its key, up to `limit`; what comes
    meanwhile is for a later one. So no prompt waits for others to come, and none joins a round once begun.

    One thread computes all rounds. OpenMP keeps threads for each that computes, and once they are more than
    the processors, they no longer wait awake for the next operation: after eight prompts at once, each of
    which had computed a round, every token took 18 instead of 12 ms (benchmarks/LOG.md).

    compute  gets the requests of a round and must set the answer of each
    """

    def __init__(
        self, compute: Callable[[Key, list[Waiting[Key, Request, Answer]]], object], limit: int
    ) -> None:
        self._compute = compute
        self._limit = limit
        self._waiting: list[Waiting[Key, Request, Answer]] = []
        self._changing = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="companions")

    def ask(self, key: Key, request: Request) -> Answer:
        """The answer; raises what computing it raised."""
        mine: Waiting[Key, Request, Answer] = Waiting(key, request)
        with self._changing:
            self._waiting.append(mine)
        self._thread.submit(self._next_round)
        return mine.answer.result()

    def _next_round(self) -> None:
        with self._changing:
            if not self._waiting:
                return  # earlier rounds took in more than one each
            key = self._waiting[0].key
            asked = [each for each in self._waiting if each.key == key][: self._limit]
            self._waiting = [each for each in self._waiting if each not in asked]
        try:
            self._compute(key, asked)
        except BaseException as error:
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
