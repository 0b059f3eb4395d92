"""The network against independent versions: float64 loops written here, transformers' GPT-2, and sums."""

import math

import pytest
import torch
from torch import Tensor, nn

from model.config import GPTConfig
from model.estimate.parameters import parameter_count
from model.gpt import GPT
from model.layers.kit import BFLOAT16, FLOAT32, KITS
from tests.model.tiny import MODES, tiny_config
from tests.model.transformers_gpt2 import as_transformers_has_it

GPT2_SMALL = {"context_length": 1024, "qkv_bias": True, "tie_weights": True, "initialization": "gpt2"}


def slow_logits(model: GPT, ids: list[int]) -> Tensor:
    """Logits (T, V) in float64, position by position and head by head, from the formulas of the papers."""
    weights = {name: tensor.double() for name, tensor in model.state_dict().items()}
    config = model.config
    size = config.emb_dim // config.n_heads

    def norm(x: Tensor, name: str) -> Tensor:
        mean = x.sum() / len(x)
        variance = ((x - mean) ** 2).sum() / len(x)
        return (x - mean) / (variance + 1e-5) ** 0.5 * weights[f"{name}.scale"] + weights[f"{name}.shift"]

    def linear(x: Tensor, name: str) -> Tensor:
        return weights[f"{name}.weight"] @ x + weights.get(f"{name}.bias", 0)

    def gelu(x: Tensor) -> Tensor:
        return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    stream = [weights["tok_emb.weight"][token] + weights["pos_emb.weight"][t] for t, token in enumerate(ids)]
    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        projected = [linear(norm(x, f"{block}.norm1"), f"{block}.attention.qkv").chunk(3) for x in stream]
        mixed = []
        for t, (query, _, _) in enumerate(projected):
            heads = []
            for head in range(config.n_heads):
                part = slice(head * size, (head + 1) * size)
                scores = [
                    (query[part] @ key[part] / math.sqrt(size)).exp() for _, key, _ in projected[: t + 1]
                ]
                values = [value[part] for _, _, value in projected[: t + 1]]
                heads.append(
                    sum(score * value for score, value in zip(scores, values, strict=True)) / sum(scores)
                )
            mixed.append(torch.cat(heads))
        stream = [x + linear(m, f"{block}.attention.out") for x, m in zip(stream, mixed, strict=True)]
        stream = [
            x
            + linear(
                gelu(linear(norm(x, f"{block}.norm2"), f"{block}.feed_forward.up")),
                f"{block}.feed_forward.down",
            )
            for x in stream
        ]
    head = weights["tok_emb.weight" if config.tie_weights else "head.weight"]
    return torch.stack([head @ norm(x, "final_norm") for x in stream])


def shaken(model: GPT) -> GPT:
    """Every parameter moved, so that norms and biases at their start values hide nothing."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


@pytest.mark.parametrize("numerics", ["reference", "float32"])
@pytest.mark.parametrize("options", [{}, {"qkv_bias": True, "tie_weights": True}], ids=["lecture", "gpt2"])
def test_logits_equal_a_slow_float64_version(numerics, options):
    torch.manual_seed(1)
    model = shaken(GPT(tiny_config(**options), KITS[numerics]))
    ids = torch.randint(257, (8,))
    expected = slow_logits(model, ids.tolist())
    with torch.no_grad():
        logits = model(ids[None])[0]
    assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_bfloat16_logits_stay_within_its_precision_of_float32():
    torch.manual_seed(1)
    model = shaken(GPT(tiny_config(), BFLOAT16))
    exact = GPT(model.config, FLOAT32).eval()
    exact.load_state_dict(model.state_dict())
    ids = torch.randint(257, (2, 8))
    with torch.no_grad():
        expected, logits = exact(ids), model(ids)
    assert logits.dtype == torch.bfloat16
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert 0 < (logits - expected).abs().max() <= 0.03 * expected.abs().max()


@pytest.mark.parametrize("numerics", ["reference", "float32"])
def test_logits_equal_those_of_transformers_with_the_same_weights(numerics):
    torch.manual_seed(1)
    ours = shaken(GPT(tiny_config(qkv_bias=True, tie_weights=True), KITS[numerics]))
    theirs = as_transformers_has_it(ours)
    ids = torch.randint(257, (2, 8))
    with torch.no_grad():
        expected, logits = theirs(ids).logits, ours(ids)
    assert (logits - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize("numerics", MODES)
def test_a_later_token_never_changes_an_earlier_logit(numerics):
    torch.manual_seed(1)
    model = shaken(GPT(tiny_config(), KITS[numerics]))
    ids = torch.randint(257, (1, 8))
    with torch.no_grad():
        before = model(ids)
        for t in range(1, 8):
            changed = ids.clone()
            changed[0, t:] = (changed[0, t:] + 1) % 257
            after = model(changed)
            assert torch.equal(after[:, :t], before[:, :t])
            assert not torch.equal(after[:, t], before[:, t])


@pytest.mark.parametrize("numerics", ["reference", "float32"])
def test_the_next_logits_are_the_last_of_all_logits(numerics):
    torch.manual_seed(1)
    model = shaken(GPT(tiny_config(), KITS[numerics]))
    ids = torch.randint(257, (3, 5))
    with torch.no_grad():
        assert torch.allclose(model.next_logits(ids), model(ids)[:, -1], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 162_419_712),
        (GPT2_SMALL, 124_439_808),
        (GPT2_SMALL | {"emb_dim": 1024, "n_heads": 16, "n_layers": 24}, 354_823_168),
        (GPT2_SMALL | {"emb_dim": 1280, "n_heads": 20, "n_layers": 36}, 774_030_080),
        (GPT2_SMALL | {"emb_dim": 1600, "n_heads": 25, "n_layers": 48}, 1_557_611_200),
    ],
    ids=["lecture", "gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl"],
)
def test_parameters_are_as_many_as_published(options, parameters):
    config = GPTConfig(vocab_size=50257, **options)
    with torch.device("meta"):
        model = GPT(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert parameter_count(config) == parameters


@pytest.mark.parametrize("qkv_bias", [False, True])
def test_a_seed_gives_the_weights_of_modules_made_one_after_the_other_in_the_lectures_order(qkv_bias):
    config = tiny_config(qkv_bias=qkv_bias)
    torch.manual_seed(123)
    model = GPT(config)
    torch.manual_seed(123)
    assert torch.equal(model.tok_emb.weight, nn.Embedding(257, 16).weight)
    assert torch.equal(model.pos_emb.weight, nn.Embedding(8, 16).weight)
    for block in model.blocks:
        separate = [nn.Linear(16, 16, bias=qkv_bias) for _ in ("query", "key", "value")]
        assert torch.equal(block.attention.qkv.weight, torch.cat([part.weight for part in separate]))
        if qkv_bias:
            assert torch.equal(block.attention.qkv.bias, torch.cat([part.bias for part in separate]))
        for ours, size in (
            (block.attention.out, (16, 16)),
            (block.feed_forward.up, (16, 64)),
            (block.feed_forward.down, (64, 16)),
        ):
            expected = nn.Linear(*size)
            assert torch.equal(ours.weight, expected.weight)
            assert torch.equal(ours.bias, expected.bias)
    assert torch.equal(model.head.weight, nn.Linear(16, 257, bias=False).weight)


def test_gpt2s_initialisation_is_normal_and_scales_the_residual_projections_by_depth():
    torch.manual_seed(1)
    model = GPT(tiny_config(emb_dim=128, n_layers=8, qkv_bias=True, initialization="gpt2"))
    for name, parameter in model.named_parameters():
        if name.endswith((".bias", ".shift")):
            assert (parameter == 0).all(), name
        elif name.endswith(".scale"):
            assert (parameter == 1).all(), name
        else:
            expected = 0.02 / 4 if name.endswith(("out.weight", "down.weight")) else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.05), name


@pytest.mark.parametrize("numerics", MODES)
def test_evaluation_draws_nothing_and_training_drops(numerics):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.5), KITS[numerics])
    ids = torch.randint(257, (1, 8))
    state = torch.get_rng_state()
    model.eval()
    assert torch.equal(model(ids), model(ids))
    assert torch.equal(torch.get_rng_state(), state)
    model.train()
    assert not torch.equal(model(ids), model(ids))


def test_more_tokens_than_the_context_are_refused():
    with pytest.raises(ValueError, match="9 tokens do not fit into a context of 8"):
        GPT(tiny_config())(torch.zeros(1, 9, dtype=torch.int64))
