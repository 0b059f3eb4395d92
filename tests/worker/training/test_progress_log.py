import logging
from pathlib import Path

import pytest

from model.events import CheckpointWritten, Evaluation, Event, Started
from worker.training.progress_log import log_event

STARTED = Started(1_200, 10, "float32", "cpu", 2, None)
RESUMED = Started(1_200, 10, "bfloat16", "cuda", 4, 1_000)
CHECKPOINT = CheckpointWritten(Path("none"), 25, 1, 1, None, 6.0, 649_700_000, "ab", True)
EVALUATION = Evaluation(
    step=5, epoch=1, tokens_seen=1, train_loss=8.10249, val_loss=8.3, val_bpb=2.0, learning_rate=1e-4,
    grad_norm=None, tokens_per_s=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (STARTED, "training on cpu in float32 with 2 threads, from the start to step 1,200"),
        (RESUMED, "training on cuda in bfloat16 with 4 threads, from step 1,000 to step 1,200"),
        (EVALUATION, "step 5: train loss 8.1025, validation loss 8.3000"),
        (CHECKPOINT, "checkpoint of step 25: 649,700,000 bytes"),
    ],
)
def test_what_happens_seldom_has_a_line(event: Event, line: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_event(event)
    assert caplog.messages == [line]
