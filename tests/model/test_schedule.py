import pytest

from model.config import TrainingConfig
from model.optimizer import learning_rate


def rates(total_steps: int, **fields) -> list[float]:
    training = TrainingConfig(learning_rate=1.0, **fields)
    return [learning_rate(training, step, total_steps) for step in range(total_steps)]


def test_the_constant_rate_is_the_lectures():
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
