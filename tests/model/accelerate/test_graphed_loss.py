"""What CUDA graphs capture, computed anew at each replay; tests/model/test_cuda.py captures it."""

import pytest
import torch

from model.accelerate import graphed_loss
from model.accelerate.graphed_loss import GraphedLoss
from model.evaluation import evaluating
from model.gpt import GPT
from model.layers.kit import FLOAT32, KITS
from model.loss import loss_of
from tests.model.tiny import MODES, tiny_batch, tiny_config

POOL = (0, 0)


class Replayed:
    """In place of a CUDA graph, which computes nothing while it is captured."""

    def __init__(self, compute, pool):
        self.compute = compute

    def replay(self):
        with torch.set_grad_enabled(not torch.is_inference_mode_enabled()):
            self.compute()


class Event:
    """In place of one of CUDA's, in the order of `calls`."""

    calls: list[str]

    def __init__(self, blocking):
        Event.calls = []

    def synchronize(self):
        self.calls.append("wait")

    def record(self):
        self.calls.append("record")


@pytest.fixture(autouse=True)
def without_a_gpu(monkeypatch):
    monkeypatch.setattr(graphed_loss, "capture", Replayed)
    monkeypatch.setattr(graphed_loss, "warm_up", lambda compute: compute())
    monkeypatch.setattr(torch.cuda, "Event", Event)


@pytest.mark.parametrize("numerics", MODES)
def test_gradients_of_several_batches_add_up_at_each_step_anew(numerics):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0), KITS[numerics]).train()
    graphed = GraphedLoss(loss_of, POOL)
    for _ in range(2):
        steps = []
        batches = [tiny_batch() for _ in range(3)]
        for function in (loss_of, graphed):
            model.zero_grad()
            losses: list[torch.Tensor] = []
            for batch in batches:
                losses.append(function(model, *batch))
                (losses[-1] / 3).backward()
            steps.append((torch.stack(losses).detach(), [p.grad.clone() for p in model.parameters()]))
        torch.testing.assert_close(steps[1], steps[0], rtol=1e-6, atol=1e-8)


def test_gradients_stay_where_they_were_captured():
    model = GPT(tiny_config(), FLOAT32).train()
    graphed = GraphedLoss(loss_of, POOL)
    addresses = []
    for _ in range(3):
        model.zero_grad()
        graphed(model, *tiny_batch()).backward()
        addresses.append([parameter.grad.data_ptr() for parameter in model.parameters()])
    assert addresses[0] == addresses[1] == addresses[2]


def test_an_evaluation_is_captured_apart_and_leaves_the_gradients_alone():
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.5), FLOAT32).train()
    graphed = GraphedLoss(loss_of, POOL)
    graphed(model, *tiny_batch()).backward()
    before = [parameter.grad.clone() for parameter in model.parameters()]
    for B in (2, 2, 1):  # a last batch may be smaller
        inputs, targets = (tokens[:B] for tokens in tiny_batch())
        with evaluating(model):
            torch.testing.assert_close(graphed(model, inputs, targets), loss_of(model, inputs, targets))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), before, strict=True))


def test_a_batch_waits_until_the_one_before_is_read():
    model = GPT(tiny_config(), FLOAT32).train()
    graphed = GraphedLoss(loss_of, POOL)
    for _ in range(2):
        graphed(model, *tiny_batch()).backward()
    assert Event.calls == ["wait", "record"] * 2
