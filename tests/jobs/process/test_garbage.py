"""What is never searched for garbage."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from jobs.process.garbage import freeze_existing_objects


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_was_there_is_not_searched_any_more_and_what_comes_later_is() -> None:
    before = [{"was": "there"}]
    freeze_existing_objects()
    later = [{"came": "later"}]
    searched = {id(each) for each in gc.get_objects()}
    assert id(before) not in searched
    assert id(later) in searched


def test_garbage_that_was_there_is_collected_first() -> None:
    class Cycle:
        pass

    collected: list[str] = []
    cycle = Cycle()
    cycle.itself = cycle  # type: ignore[attr-defined]
    weakref.finalize(cycle, collected.append, "cycle")
    del cycle
    freeze_existing_objects()
    assert collected == ["cycle"]
