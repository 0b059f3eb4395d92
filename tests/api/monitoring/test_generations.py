"""What is measured of a generation, whatever becomes of it."""

from collections.abc import Generator
from contextlib import suppress

import pytest

from api.monitoring.generations import measured
from api.monitoring.registry import REGISTRY
from jobs.broker.generation import Piece
from jobs.broker.iteration import result_of
from jobs.broker.replies import GenerationResult, NoAnswer
from jobs.broker.requester import Abandoned, NewPiece

FIRST_TOKEN = "pretrain_generation_time_to_first_token_seconds_count"

RESULT = GenerationResult(
    checkpoint=1,
    completion=" you",
    prompt_tokens=4,
    completion_tokens=1,
    finish_reason="timeout",
    seed=1,
    prompt_truncated=False,
    tokens_per_s=10.0,
    logprobs=None,
)

Asking = Generator[NewPiece | None, None, list[GenerationResult]]


def asking(error: BaseException | None = None) -> Asking:
    yield None
    yield NewPiece(0, Piece(number=0, text=" you", completion_tokens=1, tokens_per_s=10.0))
    if error is not None:
        raise error
    return [RESULT]


def count(outcome: str) -> float:
    name = "pretrain_generation_duration_seconds_count"
    return REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


def test_pieces_and_results_are_passed_on() -> None:
    before = count("timeout")
    pieces = measured(asking())
    assert next(pieces) is None
    item = next(pieces)
    assert item is not None
    assert item.piece.text == " you"
    assert result_of(pieces) == [RESULT]
    assert count("timeout") == before + 1


def test_a_silence_is_no_first_token() -> None:
    before = REGISTRY.get_sample_value(FIRST_TOKEN) or 0.0
    pieces = measured(asking())
    next(pieces)
    assert (REGISTRY.get_sample_value(FIRST_TOKEN) or 0.0) == before
    next(pieces)
    assert REGISTRY.get_sample_value(FIRST_TOKEN) == before + 1


@pytest.mark.parametrize(
    ("error", "outcome"), [(NoAnswer("none"), "failed"), (Abandoned(), "abandoned"), (None, "timeout")]
)
def test_each_ends_with_one_outcome(error: Exception | None, outcome: str) -> None:
    outcomes = ("complete", "timeout", "abandoned", "failed")
    before = {name: count(name) for name in outcomes}
    with suppress(NoAnswer, Abandoned):
        result_of(measured(asking(error)))
    assert {name: count(name) - before[name] for name in outcomes} == {
        name: float(name == outcome) for name in outcomes
    }


def test_one_that_its_reader_closes_is_abandoned_and_closes_what_it_reads() -> None:
    before, closed = count("abandoned"), []

    def closing() -> Asking:
        try:
            yield from asking()
        finally:
            closed.append(True)
        return []

    pieces = measured(closing())
    next(pieces)
    pieces.close()
    assert (count("abandoned") - before, closed) == (1, [True])
