import pytest
import torch

from model.config import TrainingConfig
from model.optimizer import AdamW

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
def test_its_numbers_are_those_of_pytorchs_class(fused):
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
