"""Probabilities of tokens against sums in float64, written here."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.config import Distribution
from model.gpt import GPT
from model.inference.token_probs import token_probs, tokens_probs
from model.tokenizers import load_tokenizer
from tests.model.completions import complete, continued_with_probs
from tests.model.tiny import tiny_config

BYTES = load_tokenizer("bytes")
LOGITS = st.lists(st.sampled_from([-30.0, -1.0, 0.0, 0.5, 8.0, 20.0]), min_size=1, max_size=30)


@given(LOGITS, st.data(), st.integers(0, 40))
def test_probabilities_and_ranks_are_those_of_the_softmax_over_all_tokens(logits, data, top):
    token = data.draw(st.integers(0, len(logits) - 1))
    found = token_probs(torch.tensor(logits), token, top)
    total = math.log(sum(math.exp(logit) for logit in logits))
    order = sorted(range(len(logits)), key=lambda index: (-logits[index], index))
    assert found.logprob == pytest.approx(logits[token] - total, abs=1e-5)
    assert found.rank == order.index(token) + 1
    assert [likely.token for likely in found.top] == order[:top]
    for likely in found.top:
        assert likely.logprob == pytest.approx(logits[likely.token] - total, abs=1e-5)


def test_positions_side_by_side_are_what_each_is_alone():
    torch.manual_seed(1)
    logits, tokens = torch.randn(5, 50), torch.randint(50, (5,))
    together = tokens_probs(logits, tokens, top=3)
    assert together == [token_probs(*each, top=3) for each in zip(logits, tokens.tolist(), strict=True)]


def test_half_precision_is_summed_up_in_float32():
    logits = torch.linspace(-4, 4, 2000).bfloat16()
    exact = logits.double().log_softmax(dim=0)
    assert token_probs(logits, 7, top=0).logprob == pytest.approx(float(exact[7]), abs=1e-5)


@pytest.mark.parametrize(
    "distribution",
    [
        Distribution(),
        Distribution(temperature=1.5),
        Distribution(temperature=0.3, top_k=1),
        Distribution(temperature=2.0, top_p=0.1),
    ],
)
def test_however_a_token_is_sampled_its_probability_is_the_models(distribution):
    torch.manual_seed(1)
    model = GPT(tiny_config(context_length=64)).eval()
    options = {"max_new_tokens": 12, "seed": 5, "distribution": distribution}
    continuation, probs = continued_with_probs(model, BYTES, "the", logprobs=2, **options)
    assert len(probs) == continuation.completion_tokens > 0
    context = BYTES.encode("the")
    for each in probs:
        with torch.no_grad():
            expected = model(torch.tensor([context]))[0, -1].double().log_softmax(dim=0)
        assert each.logprob == pytest.approx(float(expected[each.token]), abs=1e-4)
        assert each.top[0].logprob == pytest.approx(float(expected.max()), abs=1e-4)
        context.append(each.token)


def test_asking_for_probabilities_changes_no_token():
    torch.manual_seed(1)
    model = GPT(tiny_config()).eval()
    options = {"max_new_tokens": 20, "seed": 5, "distribution": Distribution(temperature=1.0)}
    continuation, probs = continued_with_probs(model, BYTES, "the", logprobs=0, **options)
    plain = complete(model, BYTES, "the", **options)
    assert BYTES.decode([each.token for each in probs]) == plain.completion
    assert continuation.finish_reason == plain.finish_reason
    assert all(each.top == () for each in probs)
