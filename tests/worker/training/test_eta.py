"""How long a run will still take, by a clock that the test moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import get_job
from model.checkpoint import BackgroundCheckpoint
from model.config import Run
from model.events import CheckpointWritten, Evaluation, Event, Phase, Progress, Sample, Started
from model.plan import Schedule
from model.training import train
from tests.jobs.making import running_job
from tests.model.tiny import tiny_data, tiny_run
from worker.training.eta import EtaEstimator
from worker.training.recorder import Recorder

EPOCH_STEPS = 8  # of `tiny_run`


def schedule_of(run: Run, total_steps: int, epoch_steps: int = EPOCH_STEPS) -> Schedule:
    return replace(Schedule.of(run, epoch_steps * run.training.batch_size), total_steps=total_steps)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Simulation:
    """A run's events, each after so many seconds."""

    def __init__(
        self, run: Run, total_steps: int, epoch_steps: int = EPOCH_STEPS, resumed_step: int | None = None
    ) -> None:
        self.clock = Clock()
        self.eta = EtaEstimator(run, schedule_of(run, total_steps, epoch_steps), self.clock)
        self.total_steps = total_steps
        self.after(7, Started(total_steps, 1, "float32", "cpu", 1, resumed_step))

    def after(self, seconds: float, event: Event) -> None:
        self.clock.now_s += seconds
        self.eta.observe(event)

    def step(self, number: int, seconds: float) -> None:
        self.after(seconds, Progress(number, 1, self.total_steps, number, None))

    def evaluate(self, step: int, seconds: float) -> None:
        for _ in range(4):
            self.after(seconds / 4, Phase("evaluating"))
        self.after(0, Evaluation(step, 1, 1, 1.0, 1.0, 0.1, None, None))

    def sample(self, step: int, seconds: float) -> None:
        self.after(0, Phase("sampling"))
        self.after(seconds, Sample(step, 1, "the", "the"))

    def checkpoint(self, step: int, seconds: float) -> None:
        self.after(0, Phase("writing"))
        self.after(seconds, Phase("training"))
        written = {
            "tokens_seen": 1,
            "train_loss": None,
            "val_loss": 1.0,
            "bytes": 1,
            "sha256": "",
            "resumable": True,
        }
        self.after(0, CheckpointWritten(directory=Path(), step=step, epoch=1, **written))


def test_every_kind_of_work_that_is_left_counts_as_it_was_measured() -> None:
    """Of 16 steps 8 are done; 4 evaluations, a sample and a checkpoint are left, and the last evaluation."""
    run = Simulation(tiny_run(evaluation={"eval_freq": 2}), total_steps=16)
    for number in range(1, 9):
        run.step(number, 1)
        if number % 2:
            run.evaluate(number - 1, 10)
    run.sample(7, 100)
    run.checkpoint(8, 1000)
    assert run.eta.remaining_s == 8 * 1 + 5 * 10 + 100 + 1000


def test_it_is_unknown_while_a_sample_that_may_take_long_has_never_been_measured() -> None:
    run = Simulation(tiny_run(), total_steps=16)
    assert run.eta.remaining_s is None
    for number in range(1, 9):
        run.step(number, 1)
        run.evaluate(number - 1, 4)
        assert run.eta.remaining_s is None
    run.sample(7, 1)
    run.checkpoint(8, 1)
    assert run.eta.remaining_s is not None


def test_it_is_known_when_what_was_never_measured_is_small_at_most() -> None:
    """4 new tokens take less than 5 evaluated batches, and a checkpoint less than 20 of the 4,999 steps."""
    run = Simulation(
        tiny_run(training={"num_epochs": 1}, evaluation={"eval_freq": 10_000}),
        total_steps=5_000,
        epoch_steps=5_000,
    )
    run.step(1, 1)
    run.evaluate(0, 4)
    assert run.eta.remaining_s == 4_999 * 1 + 4


def test_the_first_piece_of_a_process_counts_only_while_it_is_the_only_one() -> None:
    run = Simulation(tiny_run(checkpoints={"every_steps": 3}), total_steps=8)
    run.step(1, 60)
    run.evaluate(0, 30)
    run.step(2, 1)
    run.step(3, 1)
    run.evaluate(2, 2)
    run.sample(2, 5)
    run.checkpoint(3, 3)
    # Steps 4 to 8, evaluations of the steps 4, 6 and 7, a sample, checkpoints after the steps 6 and 8.
    assert run.eta.remaining_s == 5 * 1 + 3 * 2 + 5 + 2 * 3


def test_old_pieces_are_forgotten() -> None:
    run = Simulation(
        tiny_run(training={"num_epochs": 100}, evaluation={"eval_freq": 10_000}), total_steps=800
    )
    run.step(1, 1)
    run.evaluate(0, 0)
    run.sample(0, 0)
    run.checkpoint(1, 0)
    for number in range(2, 50):
        run.step(number, 1)
    for number in range(50, 70):
        run.step(number, 3)
    assert run.eta.remaining_s == pytest.approx(731 * 3)


def test_a_resumed_run_counts_what_is_behind_its_checkpoint_only() -> None:
    run = Simulation(tiny_run(), total_steps=16, resumed_step=12)
    run.step(13, 1)
    run.evaluate(12, 2)
    run.step(14, 1)
    run.sample(13, 3)
    run.checkpoint(14, 4)  # by time: so many of the steps that are left have one too
    # Steps 15 and 16, evaluations of 14 and 15, a sample, and a checkpoint at the end and one by time.
    assert run.eta.remaining_s == 2 * 1 + 2 * 2 + 3 + (1 + 2 * 1 / 2) * 4


class WholeCheckpoint(BackgroundCheckpoint):
    """Written before the next step, so that the clock alone says how long it takes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.wait_until_written()


def test_a_real_run_of_many_evaluations_and_long_samples_ends_when_it_says(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.BackgroundCheckpoint", WholeCheckpoint)
    monkeypatch.setattr("worker.training.recorder.PROGRESS_INTERVAL_S", 0)
    seconds = {"evaluating": 0.5, "sampling": 0.3, "writing": 2.0, "training": 0.0}
    run = tiny_run(
        training={"num_epochs": 4},
        evaluation={"eval_freq": 1},
        sampling={"max_new_tokens": 20},
        checkpoints={"every_steps": 3},
    )
    job, clock = running_job(database, settings), Clock()
    eta = EtaEstimator(run, schedule_of(run, 4 * EPOCH_STEPS), clock)
    recorder = Recorder(database, tmp_path, job, run.checkpoints, lambda: None, eta)
    estimates: list[tuple[float, float | None]] = []

    def on_event(event: Event) -> None:
        clock.now_s += seconds[event.name] if isinstance(event, Phase) else 0.01
        recorder(event)
        if isinstance(event, Progress):
            with database.read() as session:
                estimates.append((clock.now_s, get_job(session, job.id).remaining_s))

    train(
        run,
        tiny_data(run),
        on_event=on_event,
        should_stop=lambda: False,
        checkpoint_root=tmp_path / "checkpoints",
        numerics="float32",
        device=torch.device("cpu"),
    )
    recorder.wait_for_deletions()
    assert len(estimates) == 4 * EPOCH_STEPS
    assert [remaining_s for _, remaining_s in estimates[:EPOCH_STEPS]] == [None] * EPOCH_STEPS
    for now_s, remaining_s in estimates[EPOCH_STEPS:]:
        assert remaining_s == pytest.approx(clock.now_s - now_s, rel=0.02, abs=0.1)
