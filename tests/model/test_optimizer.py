import pytest
import torch

from model.config import TrainingConfig
from model.loss import next_token_loss
from model.optimizer import AdamW, learning_rate
from tests.model.learner import TOKENS, learner

TRAINING = TrainingConfig(learning_rate=1e-2, weight_decay=0.3, betas=(0.8, 0.95))
RATES = [1e-2, 3e-3, 0.0, 5e-2]


def parameters() -> list[torch.nn.Parameter]:
    """A matrix, a vector and one that never gets a gradient."""
    draw = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=draw)) for shape in [(7, 5), (9,), (3, 3)]]


def give_gradients(parameters: list[torch.nn.Parameter], seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    for parameter in parameters[:2]:
        parameter.grad = torch.randn(parameter.shape, generator=draw)


@pytest.mark.parametrize("fused", [False, True])
def test_the_numbers_of_adamw_are_those_of_pytorchs_class(fused):
    ours, theirs = parameters(), parameters()
    optimizer = AdamW(ours, TRAINING, fused=fused)
    reference = torch.optim.AdamW(theirs, weight_decay=0.3, betas=(0.8, 0.95), fused=fused)
    for seed, rate in enumerate(RATES):
        give_gradients(ours, seed)
        give_gradients(theirs, seed)
        optimizer.learning_rate = reference.param_groups[0]["lr"] = rate
        optimizer.step()
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)
        assert all(
            torch.equal(optimizer.state[mine][key], value) for key, value in reference.state[other].items()
        )
    assert torch.equal(ours[2], parameters()[2])
    assert [state["step"].item() for state in optimizer.state.values()] == [4, 4, 0]


@pytest.mark.parametrize("fused", [False, True])
def test_autograd_hears_of_an_update(fused):
    (matrix, *_), optimizer = (made := parameters()), AdamW(made, TRAINING, fused=fused)
    product = (matrix * matrix).sum()
    give_gradients(made, 1)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


def test_without_gradients_a_step_changes_nothing():
    made = parameters()
    AdamW(made, TRAINING, fused=True).step()
    assert all(torch.equal(now, then) for now, then in zip(made, parameters(), strict=True))


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest():
    model, optimizer = learner(optimizer="muon")
    kept = {name: set(optimizer.state[parameter]) for name, parameter in model.named_parameters()}
    by_muon = {name for name, keys in kept.items() if keys == {"momentum_buffer"}}
    assert by_muon == {
        f"blocks.{layer}.{part}.weight"
        for layer in range(2)
        for part in ("attention.qkv", "attention.out", "feed_forward.up", "feed_forward.down")
    }
    assert all(kept[name] == {"step", "exp_avg", "exp_avg_sq"} for name in kept.keys() - by_muon)


def test_muons_update_is_nearly_orthogonal_and_as_large_as_adamws():
    model, optimizer = learner(optimizer="muon", weight_decay=0.0, learning_rate=1e-2)
    matrix = model.blocks[0].feed_forward.up.weight  # (64, 16)
    before = matrix.detach().clone()
    next_token_loss(model(TOKENS[:, :-1]), TOKENS[:, 1:]).backward()
    optimizer.step()
    singular = torch.linalg.svdvals(matrix.detach() - before)
    assert singular.max() / singular.min() < 10  # of the gradient it is thousands
    size = (matrix.detach() - before).square().mean().sqrt().item()
    assert 0.1 * 1e-2 < size < 1e-2  # 0.2 of the rate: Liu et al. 2025, equation 4


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_rate_reaches_every_parameter(optimizer):
    model, made = learner(optimizer=optimizer, weight_decay=0.0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    next_token_loss(model(TOKENS[:, :-1]), TOKENS[:, 1:]).backward()
    made.set_rate(0.0)
    made.step()
    assert all(torch.equal(now, then) for now, then in zip(model.parameters(), before, strict=True))
    made.set_rate(1e-2)
    made.step()
    assert not any(torch.equal(now, then) for now, then in zip(model.parameters(), before, strict=True))


def rates(total_steps: int, **fields) -> list[float]:
    training = TrainingConfig(learning_rate=1.0, **fields)
    return [learning_rate(training, step, total_steps) for step in range(total_steps)]


def test_the_constant_learning_rate_is_the_lectures():
    assert rates(3) == [1.0, 1.0, 1.0]


def test_the_warm_up_rises_linearly_and_ends_at_the_peak():
    assert rates(6, warmup_steps=4) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_a_run_shorter_than_its_warm_up_never_reaches_the_peak():
    assert rates(2, warmup_steps=4, lr_schedule="cosine") == [0.25, 0.5]


def test_linear_falls_by_equal_amounts_towards_the_minimum():
    assert rates(4, lr_schedule="linear", min_learning_rate=0.2) == pytest.approx([1.0, 0.8, 0.6, 0.4])


def test_cosine_falls_along_half_a_wave():
    assert rates(4, lr_schedule="cosine") == pytest.approx([1.0, 0.5 + 0.5**0.5 / 2, 0.5, 0.5 - 0.5**0.5 / 2])


def test_the_decay_follows_the_warm_up():
    found = rates(6, lr_schedule="linear", warmup_steps=2)
    assert found == pytest.approx([0.5, 1.0, 1.0, 0.75, 0.5, 0.25])
