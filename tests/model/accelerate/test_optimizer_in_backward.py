import pytest
import torch

from model.accelerate import optimizer_in_backward
from model.accelerate.optimizer_in_backward import OptimizerInBackward
from model.loss import loss_of
from tests.model.learner import TOKENS, learner


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
