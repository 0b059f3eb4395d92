from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.config import Distribution
from model.generation import Continuation, generate, stream
from model.gpt import GPT
from model.inference.stop_strings import StopStringFilter
from model.layers.kit import REFERENCE
from model.tokenizers import load_tokenizer
from tests.model.completions import complete
from tests.model.tiny import tiny_config

BYTES = load_tokenizer("bytes")


class Scripted(GPT):
    """Whatever it reads, it writes `script`, token by token, and keeps what it was given to read: in the
    lecture's arithmetic the whole window, each time."""

    def __init__(self, script: list[int]) -> None:
        super().__init__(tiny_config(), REFERENCE)
        self.script = iter(script)
        self.read: list[list[int]] = []

    def next_logits(self, ids, caches=()):
        self.read.append(ids[0].tolist())
        logits = torch.zeros(1, 257)
        logits[0, next(self.script)] = 100.0
        return logits


@pytest.fixture
def model():
    torch.manual_seed(1)
    return GPT(tiny_config())


def test_greedy_generation_is_repeated_argmax_of_a_full_forward_over_the_last_context(model):
    model.eval()
    expected = [1, 2, 3]
    with torch.no_grad():
        for _ in range(20):
            logits = model(torch.tensor([expected[-8:]]))  # (1, T, V)
            expected.append(int(logits[0, -1].argmax()))
    assert list(generate(model, [1, 2, 3], 20)) == expected[3:]


def test_generating_leaves_the_model_in_training_mode_without_dropout_or_gradients(model):
    model.train()
    first, second = (list(generate(model, [1], 10)) for _ in range(2))
    assert first == second
    assert model.training
    assert torch.is_grad_enabled()


def test_nothing_to_continue_is_refused(model):
    with pytest.raises(ValueError, match="a sequence is empty"):
        next(generate(model, [], 5))


def test_a_seed_gives_the_same_text_again_and_another_seed_another(model):
    options = {"max_new_tokens": 30, "distribution": Distribution(temperature=1.0)}
    first, again, other = (complete(model, BYTES, "the", seed=seed, **options) for seed in (5, 5, 6))
    assert (first.completion, first.seed) == (again.completion, 5)
    assert other.completion != first.completion


def test_without_a_seed_one_is_drawn_and_reported(model):
    first, other = (
        complete(model, BYTES, "the", distribution=Distribution(temperature=1.0), max_new_tokens=8)
        for _ in range(2)
    )
    assert first.seed != other.seed
    again = complete(
        model, BYTES, "the", distribution=Distribution(temperature=1.0), max_new_tokens=8, seed=first.seed
    )
    assert again.completion == first.completion


def test_the_global_generator_is_left_alone(model):
    state = torch.get_rng_state()
    complete(model, BYTES, "the", distribution=Distribution(temperature=1.0, top_k=5, top_p=0.9))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_completion_says_what_it_took(model):
    answer = complete(Scripted(list(b" fox")), BYTES, "the", max_new_tokens=4)
    assert (answer.text, answer.completion) == ("the fox", " fox")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason) == (3, 4, "length")
    assert not answer.prompt_truncated
    assert answer.tokens_per_s > 0


def test_a_prompt_longer_than_the_context_keeps_its_end_and_says_so():
    model = Scripted(list(b"xy"))
    answer = complete(model, BYTES, "0123456789", max_new_tokens=2)
    assert model.read == [list(b"23456789"), list(b"3456789x")]
    assert answer.prompt_truncated
    assert answer.prompt_tokens == 10
    assert answer.text == "0123456789xy"
    assert not complete(Scripted([1]), BYTES, "01234567", max_new_tokens=1).prompt_truncated


@pytest.mark.parametrize(("ends_texts", "start"), [(False, list(b"\n")), (True, [BYTES.end_of_text])])
def test_an_empty_prompt_continues_the_end_of_a_text_or_a_newline_if_training_saw_none(ends_texts, start):
    model = Scripted(list(b"a"))
    answer = complete(model, BYTES, "", max_new_tokens=1, ends_texts=ends_texts)
    assert model.read == [start]
    assert (answer.text, answer.completion, answer.prompt_tokens) == ("a", "a", 0)


def test_a_prompt_that_is_not_empty_begins_with_itself():
    model = Scripted(list(b"a"))
    complete(model, BYTES, "x", max_new_tokens=1, ends_texts=True)
    assert model.read == [list(b"x")]


def test_the_end_of_text_token_ends_the_text():
    answer = complete(Scripted([*b"ab", BYTES.end_of_text, *b"cd"]), BYTES, "the", max_new_tokens=5)
    assert (answer.completion, answer.completion_tokens, answer.finish_reason) == ("ab", 2, "stop")


@pytest.mark.parametrize(
    ("stop", "completion", "tokens", "reason"),
    [
        ([" jumps"], "fox", 9, "stop"),
        (["jumps", "fox "], "", 4, "stop"),
        (["over"], "fox jumps ", 14, "stop"),
        (["lazy"], "fox jumps over", 14, "length"),
        # an end that only might have become a stop string is text
        (["over the"], "fox jumps over", 14, "length"),
        ([""], "fox jumps over", 14, "length"),
        ([], "fox jumps over", 14, "length"),
    ],
)
def test_a_stop_string_ends_the_text_before_itself(stop, completion, tokens, reason):
    answer = complete(Scripted(list(b"fox jumps over")), BYTES, "the ", max_new_tokens=14, stop=stop)
    assert (answer.completion, answer.completion_tokens, answer.finish_reason) == (completion, tokens, reason)


def test_a_stream_never_splits_a_character_and_holds_back_what_may_be_a_stop_string():
    continuation = Continuation(BYTES, "x", 8, max_new_tokens=10, stop=[" END"])
    pieces = list(stream(Scripted(list("aé🎉 E.".encode())), continuation))
    assert pieces == ["a", "é", "🎉", " E."]


def test_half_a_character_at_the_end_becomes_a_replacement_character():
    script = list("é🎉".encode())
    assert list(stream(Scripted(script), Continuation(BYTES, "x", 8, max_new_tokens=4))) == ["é", "\ufffd"]
    answer = complete(Scripted(script), BYTES, "x", max_new_tokens=4)
    assert answer.text == "xé\ufffd"


@given(
    text=st.text("abc🎉é", max_size=20),
    stop=st.lists(st.text("abc🎉", min_size=1, max_size=4), max_size=3),
    cuts=st.lists(st.integers(0, 60), max_size=10),
)
def test_released_text_is_the_text_before_the_first_stop_string_however_it_arrives(text, stop, cuts):
    data = text.encode()
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    portions = [data[a:b] for a, b in pairwise(borders)]
    stop_filter = StopStringFilter(stop)
    released = "".join([*map(stop_filter.feed, portions), stop_filter.flush()])
    assert text.startswith(released)
    assert not any(string in released for string in stop)
    assert (released == text) is not any(string in text for string in stop)
    rest = text[len(released) :]
    assert not rest or any(rest.startswith(string) for string in stop)
