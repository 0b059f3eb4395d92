import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from model.config import Distribution
from model.inference.sampling import NotFiniteLogits, sample_from_logits, sample_token


def drawn_tokens(logits, n=300, **options):
    generator = torch.Generator().manual_seed(3)
    distribution = Distribution(**options)
    return [sample_from_logits(torch.tensor(logits), distribution, generator) for _ in range(n)]


LOGITS = torch.tensor([0.05, 0.5, 0.3, 0.15]).log().tolist()  # token 1 is the likeliest, token 0 the rarest


@pytest.mark.parametrize(
    ("options", "possible"),
    [
        ({"top_k": None, "top_p": None}, {0, 1, 2, 3}),
        ({"top_k": 1, "top_p": None}, {1}),
        ({"top_k": 3, "top_p": None}, {1, 2, 3}),
        ({"top_k": 99, "top_p": None}, {0, 1, 2, 3}),
        ({"top_k": None, "top_p": 0.01}, {1}),
        ({"top_k": None, "top_p": 5e-324}, {1}),
        ({"top_k": None, "top_p": 0.6}, {1, 2}),
        ({"top_k": None, "top_p": 0.9}, {1, 2, 3}),
        ({"top_k": None, "top_p": 1.0}, {0, 1, 2, 3}),
        # of the two likeliest, renormalised to 0.625 and 0.375, one reaches 0.6
        ({"top_k": 2, "top_p": 0.6}, {1}),
    ],
)
def test_a_draw_is_among_the_likeliest_tokens_that_top_k_and_top_p_leave(options, possible):
    assert set(drawn_tokens(LOGITS, temperature=1.0, **options)) == possible


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_the_softmax_at_this_temperature_says(temperature):
    tokens = drawn_tokens(LOGITS, n=2000, temperature=temperature, top_k=None, top_p=None)
    expected = (torch.tensor(LOGITS) / temperature).softmax(0)
    found = torch.bincount(torch.tensor(tokens), minlength=4) / 2000
    assert (found - expected).abs().max() < 0.04


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-40, 1e-300, 5e-324])
@pytest.mark.parametrize("options", [{"top_k": None, "top_p": None}, {"top_k": 3, "top_p": 0.9}])
def test_the_smallest_temperatures_leave_the_likeliest_tokens(temperature, options):
    assert set(drawn_tokens(LOGITS, n=50, temperature=temperature, **options)) == {1}
    equals = drawn_tokens([1.0, 3.0, 2.0, 3.0], n=50, temperature=temperature, **options)
    assert set(equals) == {1, 3}


@pytest.mark.parametrize("filters", [{}, {"top_k": 40_000}, {"top_p": 0.8}, {"top_k": 40_000, "top_p": 0.8}])
def test_logits_that_differ_by_rounding_give_the_same_tokens(filters):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(50_257, generator=generator) / 100  # so many that the order of some changes
    rounded = logits + 1e-6 * torch.randn(50_257, generator=generator)
    assert not torch.equal(logits.argsort(), rounded.argsort())
    distribution = Distribution(temperature=1.0, **filters)
    for seed in range(50):
        drawn = [
            sample_from_logits(each, distribution, torch.Generator().manual_seed(seed))
            for each in (logits, rounded)
        ]
        assert drawn[0] == drawn[1]


def plain_draw(logits, temperature, top_k, top_p, draws):
    """One number after the other, in float64."""
    likeliest = max(logits)
    weights = [math.exp((logit - likeliest) / temperature) for logit in logits]
    tokens = sorted(range(len(logits)), key=lambda token: (-logits[token], token))[:top_k]
    total = sum(weights[token] for token in tokens)
    kept, reached = [], 0.0
    for token in tokens:
        if top_p is not None and kept and reached >= top_p:
            break
        assume(top_p is None or not kept or top_p - reached > 1e-6)  # which side rounding falls on
        kept.append(token)
        reached += weights[token] / total
    best, second, *_ = [*sorted((math.log(draws[token]) / weights[token] for token in kept), reverse=True), 0]
    assume(len(kept) == 1 or best - second > 1e-6 * abs(best))
    return max(kept, key=lambda token: math.log(draws[token]) / weights[token])


@given(
    logits=st.lists(st.integers(-8, 8).map(lambda eighths: eighths / 8), min_size=1, max_size=30),
    temperature=st.floats(0.1, 10),
    top_k=st.none() | st.integers(1, 40),
    top_p=st.none() | st.floats(1e-9, 1),
    seed=st.integers(0, 2**32),
)
def test_a_draw_is_the_plain_versions_equal_scores_included(logits, temperature, top_k, top_p, seed):
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(len(logits), dtype=torch.float64, generator=generator).tolist()
    expected = plain_draw(logits, temperature, top_k, top_p, draws)
    distribution = Distribution(temperature=temperature, top_k=top_k, top_p=top_p)
    found = sample_from_logits(torch.tensor(logits), distribution, torch.Generator().manual_seed(seed))
    assert found == expected


@pytest.mark.parametrize("likeliest", [(3, 5), (100, 50_000), (50_255, 50_256)])
def test_the_one_likeliest_token_is_that_of_temperature_0_where_two_are_equal(likeliest):
    logits = torch.zeros(50_257)
    logits[list(likeliest)] = 1.0
    drawn = sample_from_logits(
        logits, Distribution(temperature=1.0, top_k=1), torch.Generator().manual_seed(1)
    )
    assert drawn == sample_token(logits, Distribution(), None)


@pytest.mark.parametrize("size", [1, 2, 50_257])
@pytest.mark.parametrize("top_p", [5e-324, 1e-9, 0.5, 1 - 1e-9, 1.0])
def test_equally_likely_tokens_are_cut_by_top_p_as_others_are(size, top_p):
    """Where the probabilities round to less than 1 / V, none may be missed."""
    distribution = Distribution(temperature=1.0, top_p=top_p)
    found = {
        sample_from_logits(torch.zeros(size), distribution, torch.Generator().manual_seed(n))
        for n in range(20)
    }
    assert max(found) < max(1, math.ceil(top_p * size) + 1)
    assert len(found) > 1 or top_p * size <= 1 or size == 1


@pytest.mark.parametrize("logit", [math.nan, math.inf])
@pytest.mark.parametrize("options", [{}, {"temperature": 1}, {"temperature": 1, "top_k": 2, "top_p": 0.9}])
def test_logits_that_are_not_finite_give_no_token(logit, options):
    with pytest.raises(NotFiniteLogits):
        sample_token(torch.tensor([0.5, logit, 1.0]), Distribution(**options), torch.Generator())
