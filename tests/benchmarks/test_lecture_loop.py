"""The yardstick of the benchmarks against the lecture's printed figures."""

import pytest

from benchmarks.lecture_loop import Loop
from benchmarks.verdict import find_verdict


@pytest.mark.slow
def test_the_plain_loop_prints_the_lectures_first_losses():
    path = find_verdict()
    if path is None:
        pytest.skip("The Verdict is not beside this repository; PRETRAIN_DATASET_MIRROR names its folder")
    loop = Loop(path.read_text())
    loop.step(*next(iter(loop.train_loader)))
    assert [round(loss, 3) for loss in loop.evaluate()] == [9.781, 9.933]
    assert {name: len(seconds) for name, seconds in loop.seconds.items()} == {
        "step": 1,
        "evaluation": 1,
        "sample": 0,
    }
