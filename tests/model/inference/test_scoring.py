"""The score of a text, against transformers' GPT-2 and against what a generation says of its own tokens."""

import math

import pytest
import torch

from model.config import Distribution
from model.gpt import GPT
from model.inference.engine import fast_engine
from model.inference.sampling import NotFiniteLogits
from model.inference.scoring import Scoring, in_float32
from model.layers.kit import KITS
from model.tokenizers import load_tokenizer
from tests.model.completions import continued_with_probs
from tests.model.tiny import tiny_config
from tests.model.transformers_gpt2 import as_transformers_has_it

BYTES = load_tokenizer("bytes")
C = 16
"""The context length."""


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    model = GPT(tiny_config(context_length=C, qkv_bias=True, tie_weights=True)).eval()
    with torch.no_grad():  # so that its predictions differ
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def scored(model, tokens, chunk_tokens=5, top=0):
    scoring = Scoring(tokens, model.config.context_length, top)
    while not scoring.is_done:
        scoring.score_chunk(model, chunk_tokens)
    return scoring.probs


def tokens_of(count):
    return torch.randint(257, (count,), generator=torch.Generator().manual_seed(count)).tolist()


def expected_nats(theirs, tokens):
    """Of each token but the first, by whole windows of transformers' model."""
    nats = []
    start = 0
    while len(nats) < len(tokens) - 1:
        window = tokens[start : start + C + 1]
        with torch.no_grad():
            logits = theirs(torch.tensor([window[:C]])).logits[0]
        losses = torch.nn.functional.cross_entropy(
            logits[: len(window) - 1].double(), torch.tensor(window[1:]), reduction="none"
        ).tolist()
        nats += losses[len(nats) - start :]
        start += C // 2
    return nats


@pytest.mark.parametrize("length", [2, 3, C, C + 1, C + 2, 3 * C // 2, 3 * C // 2 + 1, 2 * C + 1, 5 * C + 3])
def test_a_score_equals_that_of_transformers_with_the_same_weights(model, length):
    tokens = tokens_of(length)
    expected = expected_nats(as_transformers_has_it(model), tokens)
    assert [-each.logprob for each in scored(model, tokens)] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("chunk_tokens", [1, 3, C - 1, C, 100])
def test_a_score_does_not_depend_on_the_size_of_its_chunks(model, chunk_tokens):
    tokens = tokens_of(3 * C)
    whole, chunks = scored(model, tokens, 1000), scored(model, tokens, chunk_tokens)
    assert [each.rank for each in chunks] == [each.rank for each in whole]
    assert [each.logprob for each in chunks] == pytest.approx([each.logprob for each in whole], abs=1e-5)


@pytest.mark.parametrize("context_length", [1, 2, 3])
def test_the_shortest_contexts_score_too(context_length):
    torch.manual_seed(1)
    model = GPT(tiny_config(context_length=context_length)).eval()
    assert len(scored(model, tokens_of(10))) == 9


@pytest.mark.parametrize("tokens", [[], [7]])
def test_of_a_text_of_one_token_nothing_is_predicted(model, tokens):
    scoring = Scoring(tokens, C)
    assert scoring.is_done
    assert scoring.probs == []


def test_each_chunk_reads_no_more_than_it_may(model):
    scoring = Scoring(tokens_of(40), C)
    read = []
    hidden = model.hidden
    try:
        model.hidden = lambda ids, caches: read.append(ids.shape[1]) or hidden(ids, caches)
        while not scoring.is_done:
            scoring.score_chunk(model, 6)
    finally:
        del model.hidden
    assert max(read) <= 6
    assert sum(read) <= 2 * 40


def test_a_restarted_score_is_that_of_the_other_model_alone(model):
    torch.manual_seed(2)
    other = GPT(model.config).eval()
    scoring = Scoring(tokens_of(40), C)
    for _ in range(3):
        scoring.score_chunk(model, 5)
    scoring.restart()
    while not scoring.is_done:
        scoring.score_chunk(other, 5)
    assert scoring.probs == scored(other, tokens_of(40))


def test_the_likeliest_tokens_come_with_it(model):
    for each in scored(model, tokens_of(20), top=3):
        assert len(each.top) == 3
        assert each.rank > 3 or each.top[each.rank - 1].token == each.token


def test_a_model_in_bfloat16_is_scored_in_float32_with_its_own_weights(model):
    lower = GPT(model.config, KITS["bfloat16"]).eval()
    lower.load_state_dict(model.state_dict())
    full = in_float32(lower)
    assert full.tok_emb.weight.data_ptr() == lower.tok_emb.weight.data_ptr()
    assert scored(full, tokens_of(30)) == scored(model, tokens_of(30))
    assert in_float32(model) is model


@pytest.mark.parametrize(("numerics", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.05)])
@pytest.mark.parametrize("is_fast", [False, True])
def test_a_generation_says_of_its_tokens_what_their_score_says(numerics, tolerance, is_fast):
    torch.manual_seed(1)
    model = GPT(tiny_config(context_length=64, emb_dim=64), KITS[numerics]).eval()
    options = {"max_new_tokens": 40, "seed": 5, "distribution": Distribution(temperature=1.0, top_k=50)}
    engine = fast_engine(model)() if is_fast else None
    _, probs = continued_with_probs(model, BYTES, "the quick", engine=engine, logprobs=0, **options)
    assert len(probs) > 10
    text = [*BYTES.encode("the quick"), *(each.token for each in probs)]
    of_completion = scored(in_float32(model), text)[-len(probs) :]
    assert [each.logprob for each in probs] == pytest.approx(
        [each.logprob for each in of_completion], abs=tolerance
    )


def test_the_score_of_what_every_token_likes_equally_is_the_logarithm_of_the_vocabulary():
    model = GPT(tiny_config(context_length=C)).eval()
    with torch.no_grad():
        model.head.weight.zero_()
    for position, each in enumerate(scored(model, list(range(30))), start=1):
        assert each.logprob == pytest.approx(-math.log(257), abs=1e-6)
        assert each.rank == position + 1, "of equal ones the lower id comes first"


def test_a_model_that_overflows_scores_nothing():
    model = GPT(tiny_config(context_length=C)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3e38)
    with pytest.raises(NotFiniteLogits):
        scored(model, tokens_of(5))
