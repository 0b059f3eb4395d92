"""Texts that are scored beside prompts, with real tiny models and without a queue."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch

from model.config import Distribution
from model.inference.decoding import CPU_CHUNK_TOKENS, Decoding
from model.inference.scoring import Scoring
from tests.waiting import wait_until
from tests.worker.generation.shelf import BYTES, CONFIG, Askers, Shelf, checkpoint_of
from worker.generation.request import TextRequest

ENDLESS = {"max_new_tokens": 10**9, "distribution": Distribution(temperature=1.0), "seed": 1}
LONG = CONFIG.model_copy(update={"context_length": 4 * CPU_CHUNK_TOKENS})
TEXT = "the quick brown fox jumps over the lazy dog. " * 5


def expected_nats(text, job):
    """Of the model alone. Not beside a batcher, which draws its models from the same global generator."""
    shelf = Shelf()
    model = shelf.model(shelf.find(job, "last")).gpt
    scoring = Scoring(BYTES.encode(text), CONFIG.context_length)
    while not scoring.is_done:
        scoring.score_chunk(model, 1000)
    return [-each.logprob for each in scoring.probs]


@pytest.fixture
def turns(monkeypatch):
    """In order: which text a chunk was scored of, the ids of its tokens, or `decode` and `prefill`."""
    turns = []

    def noted(function, name, self, *arguments):
        turns.append(name if name else self.tokens)
        return function(self, *arguments)

    for owner, method, name in (
        (Scoring, "score_chunk", None),
        (Decoding, "decode_tokens", "decode"),
        (Decoding, "prefill_chunk", "prefill"),
    ):
        function = partial(noted, getattr(owner, method), name)
        monkeypatch.setattr(owner, method, lambda self, *a, function=function: function(self, *a))
    return turns


@pytest.mark.parametrize("job", ["job-a", "job-b"])
def test_a_text_is_scored_beside_prompts_as_it_is_alone(job):
    expected = expected_nats(TEXT, job)
    with Askers(slots=1, max_models=1) as askers:
        prompt = askers.ask(max_new_tokens=70)
        score = askers.score(TEXT, job)
        first, *others = askers.scored(score)
        completion = askers.text(prompt)
    assert (first.nats, first.rank, first.token) == (None, None, "t")
    assert [token.nats for token in others] == pytest.approx(expected, abs=1e-5)
    assert bytes(byte for token in [first, *others] for byte in token.bytes).decode() == TEXT
    with Askers() as alone:
        assert alone.text(alone.ask(max_new_tokens=70)) == completion


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_without_a_second_token_is_answered_too(text):
    with Askers() as askers:
        scored = askers.scored(askers.score(text))
    assert "".join(token.token for token in scored) == text


def test_many_tokens_come_in_several_messages():
    text = "x" * 2500
    with Askers() as askers:
        request = askers.score(text)
        assert len(askers.scored(request)) == 2500
        assert len(askers.messages[request]) == 3


def test_the_likeliest_tokens_come_if_they_are_asked_for():
    with Askers() as askers:
        _, *others = askers.scored(askers.score("the fox", top=2))
    assert all(len(token.top) == 2 for token in others)
    assert all(token.rank > 2 or token.top[token.rank - 1].token == token.token for token in others)


def test_a_token_waits_for_one_chunk_of_a_text_at_most(turns):
    with Askers(Shelf(LONG)) as askers:
        prompt = askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(prompt), "it was computed")
        turns.clear()
        askers.scored(askers.score("x" * 3000))
        seen = list(turns)
    chunks = [index for index, turn in enumerate(seen) if isinstance(turn, tuple)]
    assert len(chunks) > 20
    assert all(later > earlier + 1 for earlier, later in pairwise(chunks))


def test_prompts_are_read_and_texts_are_scored_in_turn(turns):
    with Askers(Shelf(LONG)) as askers:
        with askers.together():
            score = askers.score("x" * 3000)
            prompts = [askers.ask("y" * 3 * CPU_CHUNK_TOKENS, max_new_tokens=1) for _ in range(4)]
        for prompt in prompts:
            askers.text(prompt)
        askers.scored(score)
        seen = [turn for turn in turns if turn != "decode"]
    first, last = seen.index("prefill"), len(seen) - 1 - seen[::-1].index("prefill")
    between = seen[first : last + 1]
    assert between.count("prefill") >= 12
    longest = max(
        len(run) for run in "".join("p" if turn == "prefill" else "s" for turn in between).split("s")
    )
    assert longest == 1, "no two chunks of prompts without one of the text between"


def test_a_short_text_does_not_wait_for_the_end_of_a_long_one(turns):
    with Askers() as askers:
        long = askers.score("x" * 500_000)
        wait_until(lambda: turns, "the long one had begun")
        askers.scored(askers.score("the fox"))
        assert askers.messages[long] == []


def test_a_text_that_nobody_waits_for_is_scored_no_further(turns):
    with Askers() as askers:
        request = askers.score("x" * 100_000)
        wait_until(lambda: turns, "it had begun")
        askers.batcher.cancel(request)
        wait_until(lambda: not askers.batcher._requests, "it was dropped")
        turns.clear()
        askers.scored(askers.score("the fox"))
        assert set(turns) == {tuple(BYTES.encode("the fox"))}
        assert askers.messages[request] == []


def test_a_text_that_fails_fails_alone(monkeypatch):
    score_chunk = Scoring.score_chunk

    def failing(self, *arguments):
        if self.tokens == tuple(BYTES.encode("bad text")):
            raise MemoryError
        score_chunk(self, *arguments)

    monkeypatch.setattr(Scoring, "score_chunk", failing)
    with Askers() as askers:
        prompt, bad, good = askers.ask(max_new_tokens=20), askers.score("bad text"), askers.score("good text")
        assert askers.failure(bad).cause == "unavailable"
        assert len(askers.scored(good)) == 9
        assert askers.text(prompt)


def test_a_text_whose_checkpoint_is_replaced_is_scored_by_the_new_one_alone():
    scoring = Scoring(BYTES.encode(TEXT), CONFIG.context_length)
    request = TextRequest("request-1", "last", checkpoint_of("job-a"), scoring, BYTES)
    torch.manual_seed(1)
    model = Shelf().model(checkpoint_of("job-a")).gpt
    scoring.score_chunk(model, 100)
    request.move_to(replace(request.checkpoint))
    assert scoring.probs, "it is the same one"
    request.move_to(checkpoint_of("job-a", step=2))
    assert (scoring.probs, request.checkpoint.step) == ([], 2)
