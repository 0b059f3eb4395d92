"""A minute's requests for each key, whenever they come."""

import threading
from itertools import pairwise

from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, tuples

from api.rates import MINUTE_NS, SWEEP_AT, RequestRates


class Clock:
    """Says what it is told to, in nanoseconds."""

    now = 123_456_789

    def __call__(self) -> int:
        return self.now


waits = lists(
    tuples(integers(0, 2 * MINUTE_NS) | integers(0, 1000), sampled_from("ab")), min_size=1, max_size=60
)


@given(per_minute=integers(1, 20), waits=waits)
def test_within_any_time_no_more_pass_than_a_full_bucket_and_what_came_in(
    per_minute: int, waits: list[tuple[int, str]]
) -> None:
    clock = Clock()
    rates = RequestRates(per_minute, clock)
    passed: dict[str, list[int]] = {"a": [], "b": []}
    for wait_ns, key in waits:
        clock.now += wait_ns
        if rates.take(key) == 0:
            passed[key].append(clock.now)
    for moments in passed.values():
        for first, start in enumerate(moments):
            for last in range(first, len(moments)):
                came_in = (moments[last] - start) * per_minute / MINUTE_NS
                assert last - first + 1 <= per_minute + came_in + 1e-6


@given(per_minute=integers(1, 1_000_000), waits=waits)
def test_whoever_waits_for_as_long_as_told_passes_and_no_sooner(
    per_minute: int, waits: list[tuple[int, str]]
) -> None:
    clock = Clock()
    rates = RequestRates(per_minute, clock)
    for wait_ns, key in waits:
        clock.now += wait_ns
        told_ns = rates.take(key)
        if told_ns:
            clock.now += told_ns - 1
            assert rates.take(key) == 1
            clock.now += 1
            assert rates.take(key) == 0


@given(per_minute=integers(1, 300))
def test_after_a_quiet_minute_all_of_its_requests_pass_at_once_and_then_one_by_one(per_minute: int) -> None:
    clock = Clock()
    rates = RequestRates(per_minute, clock)
    for _ in range(2):
        assert [rates.take("a") for _ in range(per_minute)] == [0] * per_minute
        assert rates.take("a") == -(-MINUTE_NS // per_minute)
        clock.now += MINUTE_NS
    assert rates.take("b") == 0


def test_one_keys_requests_are_not_anothers() -> None:
    rates = RequestRates(1, Clock())
    assert rates.take("a") == 0
    assert rates.take("a") > 0
    assert rates.take("b") == 0


def test_keys_whose_buckets_are_full_again_are_forgotten() -> None:
    clock = Clock()
    rates = RequestRates(60, clock)
    most = 0
    for number in range(20 * SWEEP_AT):
        assert rates.take(f"token-{number}") == 0
        clock.now += MINUTE_NS // 60 // 100  # each is full again a second later, after a hundred others
        most = max(most, len(rates))
    assert most <= SWEEP_AT


def test_a_key_that_still_lacks_requests_is_not_forgotten() -> None:
    clock = Clock()
    rates = RequestRates(1, clock)
    assert rates.take("a") == 0
    for number in range(5 * SWEEP_AT):
        assert rates.take(f"token-{number}") == 0
    assert rates.take("a") == MINUTE_NS


def test_threads_that_ask_at_the_same_time_get_no_more_than_there_is() -> None:
    rates = RequestRates(1000, Clock())
    passed: list[int] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        passed.append(sum(rates.take("a") == 0 for _ in range(500)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 1000


def test_what_is_told_shrinks_as_time_passes() -> None:
    clock = Clock()
    rates = RequestRates(7, clock)
    while rates.take("a") == 0:
        pass
    told = []
    for _ in range(5):
        told.append(rates.take("a"))
        clock.now += MINUTE_NS // 100
    assert all(before - after == MINUTE_NS // 100 for before, after in pairwise(told))
