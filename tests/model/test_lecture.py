"""The first steps of the lecture's own run, on its text, to the digit."""

import os

import pytest
import torch

from benchmarks.lecture import lecture_run
from benchmarks.verdict import find_verdict
from model.data import Data
from model.events import Evaluation
from model.tokenizers import load_tokenizer
from model.training import train
from tests import sweeps
from tests.model.tiny import CPU, Recorder

PRINTED = {0: (9.781, 9.933), 5: (8.111, 8.339), 10: (6.661, 7.048)}
"""Train and validation loss that the lecture's code prints at these steps, each after its update."""
STEPS = 11 if sweeps.reach == "whole" else 1
"""The first shows the weights as they are drawn, the tokens, the order of the windows and an update. Each
takes seconds of all cores."""


@pytest.fixture
def verdict():
    path = find_verdict()
    if path is None:
        pytest.skip("The Verdict is neither in PRETRAIN_DATASET_MIRROR nor in ../shared/datasets")
    return path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.thinned
def test_the_first_steps_give_the_losses_that_the_lecture_prints(verdict, tmp_path):
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    run = lecture_run()
    recorder = Recorder(stop_after=STEPS)
    result = train(
        run,
        Data.from_text(verdict, load_tokenizer("gpt2"), run),
        on_event=recorder.record,
        should_stop=recorder.should_stop,
        checkpoint_root=tmp_path,
        numerics="reference",
        device=CPU,
    )
    assert result == "stopped"
    found = {event.step: (event.train_loss, event.val_loss) for event in recorder.of(Evaluation)}
    assert list(found) == [step for step in PRINTED if step < STEPS]
    for step, losses in found.items():
        assert losses == pytest.approx(PRINTED[step], abs=0.002), step
