from collections.abc import Generator

import pytest

from jobs.broker.iteration import Iteration, result_of

ended: list[str] = []


def count_to(last: int) -> Generator[int, None, str]:
    try:
        yield from range(1, last + 1)
    finally:
        ended.append("closed")
    return f"counted to {last}"


@pytest.mark.parametrize("last", [0, 3])
def test_a_loop_has_the_items_and_then_the_result(last: int) -> None:
    iteration = Iteration(count_to(last))
    assert list(iteration) == list(range(1, last + 1))
    assert iteration.result == f"counted to {last}"
    assert result_of(count_to(last)) == f"counted to {last}"


def test_a_loop_that_is_left_early_closes_the_generator_and_has_no_result() -> None:
    ended.clear()
    iteration = Iteration(count_to(3))
    items = iter(iteration)
    assert next(items) == 1
    del items
    assert ended == ["closed"]
    with pytest.raises(AttributeError):
        _ = iteration.result
