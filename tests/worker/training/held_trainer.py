"""`python -m tests.worker.training.held_trainer worker.trainer JOB_ID ATTEMPT PARENT_PID`: a trainer that
goes no further than a step until it is stopped or let go, however late the test is that waits for an earlier
one."""

import os
import sys
import time
from pathlib import Path

from model.events import Evaluation, Event
from worker.training import trainer
from worker.training.recorder import Recorder
from worker.training.trainer import StopSignal

HELD_AT_STEP, GO_ON = "TESTS_HELD_AT_STEP", "TESTS_GO_ON"
"""Variables: the step, and a file that is there once it may go on."""


class KnownStopSignal(StopSignal):
    """One that others can ask."""

    latest: StopSignal | None = None

    def __init__(self) -> None:
        super().__init__()
        KnownStopSignal.latest = self


def main() -> None:
    step, go_on = int(os.environ[HELD_AT_STEP]), Path(os.environ[GO_ON])
    record = Recorder.__call__

    def record_and_hold(recorder: Recorder, event: Event) -> None:
        record(recorder, event)
        while isinstance(event, Evaluation) and event.step >= step and not go_on.exists():
            if KnownStopSignal.latest is not None and KnownStopSignal.latest():
                return
            time.sleep(0.01)

    Recorder.__call__ = record_and_hold  # type: ignore[method-assign, assignment]
    trainer.StopSignal = KnownStopSignal  # type: ignore[misc]
    del sys.argv[0]  # the next one is what a trainer is found by
    trainer.main()


if __name__ == "__main__":
    main()
