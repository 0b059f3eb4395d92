"""How fast a machine trains, from the times of a few steps."""

from dataclasses import astuple

import pytest
import torch

from model.config import TrainingConfig
from model.estimate.machine import Rates
from model.estimate.work import BatchWork, update_seconds
from model.loss import loss_of
from worker.training.calibration import (
    ATTENTION,
    LOGITS,
    NUMBERS,
    OPERATIONS,
    PRODUCTS,
    TRIES,
    Disturbed,
    Probe,
    fit_rates,
    non_negative_least_squares,
    steps_of,
    undisturbed_s,
)
from worker.training.interference import Clocks

RATES = {
    "cpu": Rates(2.5e11, 2e11, 1e-3, 1e-3, 2e-8, 1e-9, 5e10, 0.25),
    "cuda": Rates(5e14, 2e14, 1e-3, 2e-4, 1e-11, 3e-11, 2e12, 0.3),
}


def probes_of(kind: str) -> list[Probe]:
    return [*OPERATIONS, PRODUCTS[kind], NUMBERS[kind], ATTENTION[kind], *LOGITS[kind]]


def step_s(probe: Probe, rates: Rates) -> float:
    update_s = update_seconds(probe.config, TrainingConfig(), rates.bytes_per_s)
    return BatchWork.of(probe.config, probe.batch_size).seconds(rates) + update_s


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_the_rates_are_those_by_which_the_probes_take_as_long_as_they_do(kind):
    rates = RATES[kind]
    steps_s = {probe: step_s(probe, rates) for probe in probes_of(kind)}
    found = fit_rates(steps_s, rates.bytes_per_s, rates.evaluated_share)
    assert astuple(found) == pytest.approx(astuple(rates), rel=1e-3)


@pytest.mark.parametrize("noise", [0.5, 0.8, 1.3, 2.0])
@pytest.mark.parametrize("disturbed", range(7))
def test_a_step_that_was_measured_wrong_makes_no_rate_negative_or_infinite(noise, disturbed):
    steps_s = {probe: step_s(probe, RATES["cpu"]) for probe in probes_of("cpu")}
    wrong = list(steps_s)[disturbed]
    found = fit_rates({**steps_s, wrong: noise * steps_s[wrong]}, 5e10, 0.25)
    assert min(astuple(found)) >= 0
    assert 0 < found.attention_flops_per_s <= found.flops_per_s < 1e13


def test_what_would_be_negative_is_left_out_of_least_squares():
    matrix = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    exact, falling = torch.tensor([1.0, 3.0, 5.0]), torch.tensor([5.0, 3.0, 1.0])
    assert non_negative_least_squares(matrix, exact.double()) == pytest.approx([1, 2])
    assert non_negative_least_squares(matrix, falling.double()) == pytest.approx([3, 0])


class Machine:
    """Its clocks go on as an action takes time, of which others take what `disturbances` says, in turn."""

    def __init__(self, disturbances: list[float]) -> None:
        self.now_s = self.waited_s = 0.0
        self.disturbances = iter(disturbances)
        self.other_s, self.left = 0.0, 0
        self.clocks = Clocks(
            lambda: self.now_s, lambda: self.now_s - self.waited_s, lambda: self.waited_s, lambda: self.now_s
        )

    def work(self) -> None:
        """0.1 s, and what others take besides."""
        others_s = next(self.disturbances, 0.0)
        self.now_s += 0.1 + others_s
        self.waited_s += others_s


def test_what_is_measured_while_others_interfere_is_measured_again():
    machine = Machine([5.0, 0.4, 0.4])  # the first time it warms up, which does not count
    assert undisturbed_s(machine.work, machine.clocks) == pytest.approx(0.1)


def test_the_median_is_what_it_takes():
    machine = Machine([0.0, 0.0, 0.02, 0.0])
    assert undisturbed_s(machine.work, machine.clocks) == pytest.approx(0.1)


def test_what_is_disturbed_each_time_is_not_known():
    machine = Machine([0.4] * (3 * TRIES))
    with pytest.raises(Disturbed):
        undisturbed_s(machine.work, machine.clocks)


@pytest.mark.parametrize("numerics", ["reference", "float32", "bfloat16"])
def test_a_probes_step_trains_its_model(numerics, monkeypatch):
    losses = []

    def noted(model, inputs, targets):
        losses.append(loss_of(model, inputs, targets))
        return losses[-1]

    monkeypatch.setattr("worker.training.calibration.loss_of", noted)
    step, evaluate = steps_of(Probe.of(8, 32, 1, 2, batch_size=4), numerics, torch.device("cpu"))
    for _ in range(100):
        step()
    assert losses[-1].item() < losses[0].item()
    assert evaluate() < losses[0].item()
