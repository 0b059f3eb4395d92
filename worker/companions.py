"""Prompts that wait for the same model and are continued side by side."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
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

    One of them computes, for all that wait with its key, up to `limit`; what comes meanwhile is for the next
    round. So no prompt waits for others to come, and none joins a round that has begun.

    compute  gets the requests of a round and must set the answer of each
    """

    def __init__(
        self, compute: Callable[[Key, list[Waiting[Key, Request, Answer]]], object], limit: int
    ) -> None:
        self._compute = compute
        self._limit = limit
        self._waiting: list[Waiting[Key, Request, Answer]] = []
        self._changed = threading.Condition()
        self._is_computing = False

    def ask(self, key: Key, request: Request) -> Answer:
        """The answer; raises what computing it raised."""
        mine: Waiting[Key, Request, Answer] = Waiting(key, request)
        mine.answer.add_done_callback(lambda _: self._wake())
        with self._changed:
            self._waiting.append(mine)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: mine.answer.done() or not self._is_computing)
                if mine.answer.done():
                    return mine.answer.result()
                round_ = [each for each in self._waiting if each.key == mine.key and each is not mine]
                round_ = [mine, *round_[: self._limit - 1]]
                self._waiting = [each for each in self._waiting if each not in round_]
                self._is_computing = True
            self._answer(key, round_)

    def _answer(self, key: Key, round_: list[Waiting[Key, Request, Answer]]) -> None:
        try:
            self._compute(key, round_)
        except BaseException as error:
            for each in round_:
                if not each.answer.done():
                    each.answer.set_exception(error)
        finally:
            with self._changed:
                self._is_computing = False
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
