"""Looping over a generator that returns something at its end."""

from collections.abc import Generator, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Iteration(Generic[Item, Result]):
    """The items of a generator; once they have ended, `result` is what it returned.

    A loop that is left early closes the generator.
    """

    result: Result

    def __init__(self, generator: Generator[Item, None, Result]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Item]:
        self.result = yield from self._generator


def result_of(generator: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end; what it returns."""
    iteration = Iteration(generator)
    for _ in iteration:
        pass
    return iteration.result
