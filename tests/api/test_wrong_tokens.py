"""Wrong tokens are limited for each address, and right ones are not."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wrong_tokens import AT_ONCE, MAX_ADDRESSES, PER_MINUTE, TooManyWrongTokens, WrongTokens
from jobs.store.tokens import BadToken

INTERVAL_S = 60 / PER_MINUTE
"""In which an address gains a try."""


class Clock:
    now = 1000.0
    """Seconds."""

    def __call__(self) -> int:
        return round(self.now * 1e9)


def try_wrong(tokens: WrongTokens, address: str | None = "192.0.2.1") -> int:
    """0 if it may be tried, else the seconds after which it may."""
    try:
        with tokens.attempt(address):
            raise BadToken
    except BadToken:
        return 0
    except TooManyWrongTokens as refused:
        return refused.wait_s


@given(st.lists(st.floats(0, 5), max_size=60))
def test_in_any_span_an_address_tries_as_many_as_it_has_at_once_and_gains(waits: list[float]) -> None:
    clock = Clock()
    tokens = WrongTokens(clock)
    tried: list[float] = []
    for wait_s in waits:
        clock.now += wait_s
        if not try_wrong(tokens):
            tried.append(clock.now)
    for first in range(len(tried)):
        for last in range(first, len(tried)):
            gained = (tried[last] - tried[first]) / INTERVAL_S
            assert last - first + 1 <= AT_ONCE + gained + 1e-6


@given(st.integers(0, 20))
def test_after_the_time_that_the_answer_names_it_may_be_tried_again(more: int) -> None:
    clock = Clock()
    tokens = WrongTokens(clock)
    assert [try_wrong(tokens) for _ in range(AT_ONCE)] == [0] * AT_ONCE
    for _ in range(more):  # refused ones do not put it off
        assert try_wrong(tokens) >= 1
    clock.now += try_wrong(tokens)
    assert try_wrong(tokens) == 0


def test_right_tokens_cost_nothing_until_the_tries_are_used_up() -> None:
    tokens = WrongTokens(Clock())
    for _ in range(50):
        with tokens.attempt("192.0.2.1"):
            pass
    for _ in range(AT_ONCE):
        assert try_wrong(tokens) == 0
    with pytest.raises(TooManyWrongTokens), tokens.attempt("192.0.2.1"):
        pass  # else a right one could be told from a wrong one


def test_what_fails_otherwise_counts_as_no_wrong_token() -> None:
    tokens = WrongTokens(Clock())
    for _ in range(2 * AT_ONCE):
        with pytest.raises(ConnectionError), tokens.attempt("192.0.2.1"):
            raise ConnectionError
    assert try_wrong(tokens) == 0


def test_tries_at_the_same_time_count_all() -> None:
    tokens = WrongTokens(Clock())
    together = threading.Barrier(4 * AT_ONCE)
    outcomes: list[int] = []

    def attempt() -> None:
        together.wait()
        outcomes.append(try_wrong(tokens))

    threads = [threading.Thread(target=attempt) for _ in range(4 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(0) == AT_ONCE


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        (None, "", "192.0.2.1"),
    ],
)
def test_an_ipv6_site_is_one_address(address: str | None, same: str, other: str) -> None:
    tokens = WrongTokens(Clock())
    for _ in range(AT_ONCE):
        assert try_wrong(tokens, address) == 0
    assert try_wrong(tokens, same) > 0
    assert try_wrong(tokens, other) == 0


def test_addresses_are_remembered_in_bounded_memory_the_most_recent_ones() -> None:
    tokens = WrongTokens(Clock())
    for _ in range(AT_ONCE):
        try_wrong(tokens, "192.0.2.1")
    for number in range(MAX_ADDRESSES - 1):
        try_wrong(tokens, f"10.0.{number // 256}.{number % 256}")
    assert try_wrong(tokens, "192.0.2.1") > 0
    try_wrong(tokens, "192.0.2.2")
    assert try_wrong(tokens, "192.0.2.1") == 0
