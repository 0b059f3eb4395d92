import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.waiting import wait_until
from worker.companions import Companions, Waiting

Asked = Waiting[str, int, int]


class Computer:
    """Answers each request with its square, round by round, and keeps those; the first waits for `go`."""

    def __init__(self) -> None:
        self.rounds: list[tuple[str, list[int]]] = []
        self.threads: set[int] = set()
        self.go = threading.Event()

    def __call__(self, key: str, asked: list[Asked]) -> None:
        self.rounds.append((key, [each.request for each in asked]))
        self.threads.add(threading.get_ident())
        self.go.wait()
        for each in asked:
            each.answer.set_result(each.request**2)


def ask_all(
    companions: Companions[str, int, int], computer: Computer, asked: list[tuple[str, int]]
) -> list[int]:
    """Ask for the first, and, while it is computed, for the others in their order."""
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = []
        for number, (key, request) in enumerate(asked):
            answers.append(pool.submit(companions.ask, key, request))
            if number == 0:
                wait_until(lambda: computer.rounds, "a round has begun")
            else:
                wait_until(lambda n=number: len(companions._waiting) == n, "it waits")
        computer.go.set()
        return [answer.result(timeout=30) for answer in answers]


def test_what_waits_for_the_same_model_is_computed_together_and_nothing_joins_a_round_that_has_begun():
    computer = Computer()
    companions = Companions(computer, limit=8)
    assert ask_all(companions, computer, [("a", 1), ("a", 2), ("b", 3), ("a", 4)]) == [1, 4, 9, 16]
    assert computer.rounds == [("a", [1]), ("a", [2, 4]), ("b", [3])]


def test_no_round_is_larger_than_the_limit_and_the_longest_waiting_come_first():
    computer = Computer()
    companions = Companions(computer, limit=2)
    assert ask_all(companions, computer, [("a", n) for n in range(6)]) == [n**2 for n in range(6)]
    assert computer.rounds == [("a", [0]), ("a", [1, 2]), ("a", [3, 4]), ("a", [5])]


def test_one_thread_computes_whoever_asks():
    computer = Computer()
    companions = Companions(computer, limit=1)
    ask_all(companions, computer, [("a", n) for n in range(4)])
    assert len(computer.threads) == 1
    assert threading.get_ident() not in computer.threads


def test_an_answer_is_there_before_its_round_is_over():
    others_may_end = threading.Event()

    def compute(_: str, asked: list[Asked]) -> None:
        asked[0].answer.set_result(1)
        others_may_end.wait()
        asked[1].answer.set_result(0)

    companions = Companions(compute, limit=8)
    with ThreadPoolExecutor(1) as pool:
        first = Waiting("a", 1)
        companions._waiting.append(first)
        second = pool.submit(companions.ask, "a", 2)
        assert first.answer.result(timeout=30) == 1
        assert not second.done()
        others_may_end.set()
        assert second.result(timeout=30) == 0


def test_an_error_reaches_all_of_its_round_and_the_next_round_is_computed():
    failing = [True]

    def compute(_: str, asked: list[Asked]) -> None:
        if failing.pop():
            raise RuntimeError("no memory")
        asked[0].answer.set_result(7)

    failing.insert(0, False)
    companions = Companions(compute, limit=8)
    with pytest.raises(RuntimeError, match="no memory"):
        companions.ask("a", 1)
    assert companions.ask("a", 1) == 7
