import pytest
import torch

from model.accelerate import optimizer_in_backward
from model.accelerate.optimizer_in_backward import OptimizerInBackward
from model.gpt import GPT
from model.layers.kit import KITS
from model.loss import loss_of, next_token_loss
from model.optimizer import make_optimizer
from tests.model.tiny import tiny_config, tiny_run

TOKENS = torch.arange(18).view(2, 9) * 7 % 257


def learner(numerics="float32", tie_weights=True, **training):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0, tie_weights=tie_weights), KITS[numerics])
    return model, make_optimizer(model, tiny_run(training=training).training)


@pytest.mark.parametrize("tie_weights", [False, True])
@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_updates_in_the_backward_pass_are_those_after_it_and_leave_no_gradient_of_a_matrix(
    numerics, tie_weights, monkeypatch
):
    monkeypatch.setattr(optimizer_in_backward, "ROWS_PER_UPDATE", 100)  # of 257
    (late, after), (early, beside) = learner(numerics, tie_weights), learner(numerics, tie_weights)
    updates, norms = OptimizerInBackward(early, beside.adamw), []
    for _ in range(3):
        for optimizer in (after, beside):
            optimizer.zero_grad()
        loss_of(late, TOKENS[:, :-1], TOKENS[:, 1:]).backward()
        expected = torch.nn.utils.get_total_norm([parameter.grad for parameter in late.parameters()])
        after.step()
        norms.clear()
        with updates.active(norms):
            loss_of(early, TOKENS[:, :-1], TOKENS[:, 1:]).backward()
        left = {
            parameter.dim(): parameter.grad for parameter in early.parameters() if parameter.grad is not None
        }
        assert left.keys() == {1}
        rest = [parameter.grad for parameter in early.parameters() if parameter.grad is not None]
        assert torch.nn.utils.get_total_norm([*norms, *rest]).item() == pytest.approx(
            expected.item(), rel=1e-5
        )
        beside.step()
        counts = {state["step"].item() for state in beside.state.values()}
        assert len(counts) == 1
    for (name, ours), theirs in zip(early.named_parameters(), late.parameters(), strict=True):
        assert torch.equal(ours, theirs), name


def test_outside_of_that_the_gradients_stay():
    model, optimizer = learner()
    OptimizerInBackward(model, optimizer.adamw)
    before = model.tok_emb.weight.clone()
    loss_of(model, TOKENS[:, :-1], TOKENS[:, 1:]).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.equal(model.tok_emb.weight, before)


@pytest.mark.parametrize("name", ["head.weight", "tok_emb.weight"])
@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_the_vocabularys_gradient_is_never_whole_unless_there_is_a_part_to_add_to(
    numerics, name, monkeypatch
):
    monkeypatch.setattr(optimizer_in_backward, "ROWS_PER_UPDATE", 100)
    model, optimizer = learner(numerics, tie_weights=False)
    updates, whole = OptimizerInBackward(model, optimizer.adamw), []
    matrix = model.get_parameter(name)
    matrix.register_hook(whole.append)  # called with what a backward pass adds to the gradient
    before = matrix.detach().clone()
    with updates.active(None):
        loss_of(model, TOKENS[:, :-1], TOKENS[:, 1:]).backward()
    assert whole == [None]
    whole.clear()
    assert not torch.equal(matrix, before)
    loss_of(model, TOKENS[:, :-1], TOKENS[:, 1:]).backward()
    with updates.active(None):
        loss_of(model, TOKENS[:, :-1], TOKENS[:, 1:]).backward()
    assert [gradient.shape for gradient in whole] == [matrix.shape] * 2


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
