import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.files.layout import dataset_path, log_directory
from jobs.files.trainer_logs import list_segments, read_log, readable
from jobs.lifecycle.attempts import claim, stop
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations, list_samples
from jobs.lifecycle.metrics import list_metrics
from jobs.lifecycle.requests import request_cancel
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Checkpoint, DeviceMetrics, Evaluation, Event, Job, Sample
from model.events import Evaluation as EvaluationEvent
from model.manifest import verify
from tests.chaos.reference import Referee, Reference
from tests.small import small_spec
from tests.waiting import PATIENCE_S, wait_until
from tests.worker.conftest import Attempt
from tests.worker.processes import pids_of
from tests.worker.training.conftest import HeldAt
from worker.training import device_meter
from worker.training.fence import FENCED_EXIT_STATUS
from worker.training.launch import kill, launch_trainer

pytestmark = pytest.mark.slow

StartAttempt = Callable[[Job], Attempt]
Post = Callable[..., Job]


def stored(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def losses(database: Database, job: Job) -> list[tuple[int, float, float, int]]:
    with database.read() as session:
        rows = list_evaluations(session, job.id)
    return [(row.step, row.train_loss, row.val_loss, row.tokens_seen) for row in rows]


def final_sha256(database: Database, job: Job) -> str:
    with database.read() as session:
        return list_checkpoints(session, job.id)[-1].sha256


def event_kinds(database: Database, job: Job) -> list[str]:
    with database.read() as session:
        return [event.type for event in list_events(session, job.id)]


def trainer_pid(job: Job) -> int:
    (pid,) = wait_until(lambda: pids_of(f"worker.trainer {job.id}"))
    return pid


def wait_for_step(database: Database, job: Job, step: int) -> None:
    wait_until(lambda: any(row[0] >= step for row in losses(database, job)))


def wait_for_checkpoint(database: Database, job: Job, step: int) -> None:
    """It is written while later steps run, so a step on record does not tell of its checkpoint."""

    def is_listed() -> bool:
        with database.read() as session:
            return any(checkpoint.step >= step for checkpoint in list_checkpoints(session, job.id))

    wait_until(is_listed)


def test_a_job_is_trained_to_its_end_and_recorded(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt
) -> None:
    job = post()
    attempt(job).join()
    done = stored(database, job)
    assert (done.status, done.error, done.step) == (Status.SUCCEEDED, None, done.total_steps)
    assert (done.numerics, done.device, done.threads) == ("float32", "cpu", 1)
    assert [row[0] for row in losses(database, job)] == list(range(done.total_steps))
    assert losses(database, job)[-1][2] < losses(database, job)[0][2]
    with database.read() as session:
        assert [sample.epoch for sample in list_samples(session, job.id)] == [1, 2, 3, 4, 5, 6]
        checkpoints = list_checkpoints(session, job.id)
    assert checkpoints[-1].step == done.total_steps
    assert checkpoints[-1].resumable
    listed = {settings.artifacts / checkpoint.directory for checkpoint in checkpoints}
    on_disk = set((settings.artifacts / "jobs" / job.id).glob("attempt-*/*"))
    assert on_disk == listed, "retention left something behind, or took something away"
    assert pids_of(f"worker.trainer {job.id}") == []


@pytest.mark.sqlite_will_do
def test_the_job_its_losses_and_its_checkpoints_agree_at_the_end_however_seldom_it_evaluates(
    database: Database, post: Post, attempt: StartAttempt
) -> None:
    job = post(evaluation={"eval_freq": 1000})
    attempt(job).join()
    done = stored(database, job)
    (_, first_train, first_val, _), (step, train, val, _) = losses(database, job)
    assert step == done.total_steps - 1
    assert (train, val) < (first_train, first_val)
    assert (done.latest_step, done.latest_train_loss, done.latest_val_loss) == (step, train, val)
    assert (done.best_step, done.best_val_loss) == (step, val)
    with database.read() as session:
        last = list_checkpoints(session, job.id)[-1]
    assert (last.step, last.train_loss, last.val_loss) == (step + 1, train, val)
    assert done.ended_by == "epochs"


@pytest.mark.sqlite_will_do
def test_a_job_that_stops_early_says_so_and_keeps_the_best_model(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt
) -> None:
    job = post(
        training={"early_stopping_patience": 3, "learning_rate": 0.5},
        checkpoints={"every_steps": None, "keep_best": 0},
    )
    attempt(job).join()
    done = stored(database, job)
    assert (done.status, done.ended_by) == (Status.SUCCEEDED, "early_stopping")
    assert done.step < done.total_steps
    assert done.best_step == done.step - 4
    with database.read() as session:
        best, last = list_checkpoints(session, job.id)
    assert (best.step, best.val_loss, best.resumable) == (done.best_step + 1, done.best_val_loss, False)
    assert (last.step, last.resumable) == (done.step, True)
    verify(settings.artifacts / best.directory)
    on_disk = set((settings.artifacts / "jobs" / job.id).glob("attempt-*/*"))
    assert on_disk == {settings.artifacts / checkpoint.directory for checkpoint in (best, last)}


@pytest.mark.sqlite_will_do
def test_no_number_of_a_job_whose_gradient_is_beyond_float32_is_infinite(
    database: Database, post: Post, attempt: StartAttempt
) -> None:
    job = post(training={"learning_rate": 100, "numerics": "bfloat16"})
    attempt(job).join()
    error = stored(database, job).error
    assert error is not None
    assert error["type"] == "diverged"
    with database.read() as session:
        rows = [
            row
            for table in (Job, Evaluation, Sample, Checkpoint, Event)
            for row in session.scalars(select(table))
        ]
    for row in rows:
        for column in row.__table__.columns:
            json.dumps(getattr(row, column.name), allow_nan=False)


def check_undisturbed(database: Database, job: Job, undisturbed: Reference) -> None:
    """Expect that it has ended as it does when nothing happens to it, to the bit."""
    assert stored(database, job).status == Status.SUCCEEDED
    evaluations = [event for event in undisturbed.events if isinstance(event, EvaluationEvent)]
    expected = [(event.step, event.train_loss, event.val_loss, event.tokens_seen) for event in evaluations]
    assert losses(database, job) == expected
    assert final_sha256(database, job) == undisturbed.sha256


@pytest.mark.sqlite_will_do
def test_killed_after_any_step_and_resumed_it_ends_as_if_never_interrupted(
    database: Database, post: Post, attempt: StartAttempt, reference: Referee, held_at: HeldAt
) -> None:
    sections: dict[str, Any] = {"max_attempts": 5, "training": {"num_epochs": 10}}
    killed = post(**sections)
    # Before the first checkpoint, between two, and right behind one.
    kills = ((wait_for_step, 2), (wait_for_step, 13), (wait_for_checkpoint, 25))
    for number, (wait, step) in enumerate(kills, start=1):
        with held_at(45):  # or it might have ended before the kill comes
            running = attempt(killed)
            # The one before may have come to the step.
            wait_until(lambda: event_kinds(database, killed).count("started") == number)  # noqa: B023
            wait(database, killed, step)
            os.kill(trainer_pid(killed), signal.SIGKILL)
            running.join()
        assert stored(database, killed).status == Status.QUEUED
    attempt(killed).join()
    assert stored(database, killed).attempt == 4
    check_undisturbed(database, killed, reference(small_spec(**sections)))
    with database.read() as session:
        resumed = [e.data["resumed_step"] for e in list_events(session, killed.id) if e.type == "started"]
    assert resumed[0] is None
    assert resumed[2] >= 5
    assert resumed[3] >= 25


@pytest.mark.sqlite_will_do
def test_a_worker_that_shuts_down_hands_the_job_back_with_a_checkpoint_and_counts_no_failure(
    database: Database, post: Post, attempt: StartAttempt, reference: Referee, held_at: HeldAt
) -> None:
    drained = post()
    with held_at(25):
        running = attempt(drained)
        wait_for_step(database, drained, 7)
        running.shutting_down.set()
        running.join()
    back = stored(database, drained)
    assert (back.status, back.failures, back.worker) == (Status.QUEUED, 0, None)
    with database.read() as session:
        stopped_at = list_checkpoints(session, drained.id)[-1].step
    assert stopped_at == losses(database, drained)[-1][0] + 1, "the step under way was finished and kept"
    assert back.step == stopped_at
    attempt(drained).join()
    check_undisturbed(database, drained, reference(small_spec()))


@pytest.mark.sqlite_will_do
def test_a_worker_that_shuts_down_while_its_trainer_starts_counts_no_failure(
    database: Database, post: Post, attempt: StartAttempt
) -> None:
    job = post(training={"num_epochs": 1000})
    running = attempt(job)
    running.shutting_down.set()
    running.join()
    assert (stored(database, job).status, stored(database, job).failures) == (Status.QUEUED, 0)
    assert event_kinds(database, job)[-1] == "status"


def test_a_cancel_stops_the_trainer(database: Database, post: Post, attempt: StartAttempt) -> None:
    job = post(training={"num_epochs": 1000})
    running = attempt(job)
    wait_for_step(database, job, 3)
    with database.write() as session:
        request_cancel(session, job.id)
    running.join()
    assert stored(database, job).status == Status.CANCELLED
    assert stored(database, job).stopping is None
    assert pids_of(f"worker.trainer {job.id}") == []


def test_a_trainer_whose_job_another_attempt_owns_is_stopped_and_writes_nothing(
    database: Database, post: Post, attempt: StartAttempt
) -> None:
    job = post(training={"num_epochs": 1000})
    running = attempt(job)
    wait_for_step(database, job, 3)
    with database.write() as session:
        stop(session, job.id, 1, "taken away")
    rows = losses(database, job)
    running.join()
    assert losses(database, job) == rows
    assert stored(database, job).status == Status.QUEUED
    assert pids_of(f"worker.trainer {job.id}") == []


@pytest.mark.sqlite_will_do
def test_a_trainer_that_always_dies_fails_the_job_with_the_last_lines_of_its_log(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = post(max_attempts=2)
    monkeypatch.setenv("PRETRAIN_LOG_FORMAT", "nonsense")
    for _ in range(2):
        attempt(job).join()
    failed = stored(database, job)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error["type"] == "internal"
    with database.read() as session:
        log = next(event for event in list_events(session, job.id) if event.type == "log")
    assert any("log_format" in line for line in log.data["lines"])


@pytest.mark.sqlite_will_do
def test_a_diverging_job_fails_at_once_with_the_step(
    database: Database, post: Post, attempt: StartAttempt
) -> None:
    job = post(training={"learning_rate": 100.0, "num_epochs": 1000, "weight_decay": 100.0})
    attempt(job).join()
    failed = stored(database, job)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error["type"] == "diverged"
    assert "at step" in failed.error["message"]
    assert not failed.error["retryable"]
    assert failed.attempt == 1


@pytest.mark.sqlite_will_do
@pytest.mark.parametrize(
    ("damage", "reason"),
    [(Path.unlink, "is gone"), (lambda path: path.write_text("changed behind the scenes"), "is damaged")],
)
def test_a_text_that_is_gone_from_the_store_or_damaged_fails_the_job(
    database: Database,
    settings: Settings,
    post: Post,
    attempt: StartAttempt,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    job = post()
    damage(dataset_path(settings.artifacts, job.dataset_sha256))
    attempt(job).join()
    failed = stored(database, job)
    assert failed.error is not None
    assert (failed.status, failed.error["type"]) == (Status.FAILED, "bad_dataset")
    assert reason in failed.error["message"]


@pytest.mark.sqlite_will_do
def test_a_job_whose_spec_can_not_be_read_fails_with_the_reason(
    database: Database, post: Post, attempt: StartAttempt
) -> None:
    job = post(max_attempts=1)
    with database.write() as session:
        unreadable = {**job.spec, "preset": "gone"}
        session.execute(update(Job).where(Job.id == job.id).values(spec=unreadable))
    attempt(job).join()
    failed = stored(database, job)
    assert failed.error is not None
    assert (failed.status, failed.error["type"]) == (Status.FAILED, "internal")
    assert "the stored spec can't be read: preset: " in failed.error["message"]


@pytest.mark.sqlite_will_do
def test_later_trainers_find_the_tokens_that_the_first_has_written(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt
) -> None:
    first, second, third = (post() for _ in range(3))
    attempt(first).join()
    (tokens,) = (settings.artifacts / "tokens").iterdir()
    written = tokens.stat()
    attempt(second).join()
    assert tokens.stat().st_ino == written.st_ino
    assert tokens.stat().st_mtime > written.st_mtime  # so that the keeper sees that they are used
    tokens.write_bytes(tokens.read_bytes()[:-1])
    attempt(third).join()
    assert tokens.stat().st_size == written.st_size
    assert {stored(database, job).status for job in (first, second, third)} == {Status.SUCCEEDED}
    assert final_sha256(database, first) == final_sha256(database, second) == final_sha256(database, third)


@pytest.mark.sqlite_will_do
def test_a_hanging_trainer_is_ended_and_counted_as_stalled(
    database: Database, settings: Settings, post: Post
) -> None:
    job = post(training={"num_epochs": 1000})
    running = Attempt(database, settings, job.id)
    wait_for_step(database, job, 1)
    os.kill(trainer_pid(job), signal.SIGSTOP)
    # Not before it trains: until then its imports may take as long as they like.
    running.supervisor._settings = settings.model_copy(update={"stall_s": 1.0})
    running.join()
    with database.read() as session:
        crash = next(event for event in list_events(session, job.id) if event.type == "crash")
    assert crash.data["error"]["type"] == "stalled"
    assert stored(database, job).status == Status.QUEUED


@pytest.mark.sqlite_will_do
def test_a_damaged_newest_checkpoint_is_not_used(
    database: Database,
    settings: Settings,
    post: Post,
    attempt: StartAttempt,
    reference: Referee,
    held_at: HeldAt,
) -> None:
    sections = {"checkpoints": {"keep_last": 2}}
    damaged = post(**sections)
    with held_at(25):
        running = attempt(damaged)
        wait_for_step(database, damaged, 12)
        running.shutting_down.set()
        running.join()
    with database.read() as session:
        newest = list_checkpoints(session, damaged.id)[-1]
    weights = settings.artifacts / newest.directory / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    attempt(damaged).join()
    assert "checkpoint_damaged" in event_kinds(database, damaged)
    check_undisturbed(database, damaged, reference(small_spec(**sections)))


@pytest.mark.sqlite_will_do
def test_without_any_checkpoint_left_it_starts_over(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt, held_at: HeldAt
) -> None:
    job = post()
    with held_at(25):
        running = attempt(job)
        wait_for_step(database, job, 8)
        running.shutting_down.set()
        running.join()
    shutil.rmtree(settings.artifacts / "jobs" / job.id)
    attempt(job).join()
    assert stored(database, job).status == Status.SUCCEEDED
    assert [row[0] for row in losses(database, job)] == list(range(job.total_steps))


def trainer_log(settings: Settings, job: Job, attempt: int = 1) -> str:
    return "".join(readable(read_log(log_directory(settings.artifacts, job.id, attempt))))


@pytest.mark.sqlite_will_do
def test_what_a_trainer_writes_is_kept_with_its_job_and_shown_by_its_supervisor(
    database: Database,
    settings: Settings,
    post: Post,
    attempt: StartAttempt,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    job = post(max_attempts=1)
    shutil.rmtree(settings.artifacts / "tokens", ignore_errors=True)
    (settings.artifacts / "tokens").write_text("a file where a folder belongs")
    attempt(job).join()
    written = trainer_log(settings, job)
    assert written.startswith("Traceback")
    error = stored(database, job).error
    assert error is not None
    assert error["message"] == f"the trainer exited with status 1; GET /jobs/{job.id}/log?attempt=1 says why"
    with database.read() as session:
        [event] = [event for event in list_events(session, job.id) if event.type == "log"]
    assert event.data["lines"] == written.splitlines()[-50:]
    assert written.splitlines()[-1] in caplog.text


def test_a_trainer_whose_supervisor_is_gone_says_so_in_its_log(
    database: Database, settings: Settings, post: Post
) -> None:
    job = post()
    with database.write() as session:
        claimed = claim(session, job.id, "gone", settings.lease_s)
    assert claimed is not None
    process = launch_trainer(claimed)
    assert process.stdin is not None
    folder = log_directory(settings.artifacts, job.id, 1)
    process.stdin.write(f"{time.monotonic() + 600}\n".encode())
    wait_until(lambda: list_segments(folder))
    process.stdin.close()  # as when the supervisor is killed: nobody reads its pipes either
    assert process.wait(PATIENCE_S) == FENCED_EXIT_STATUS
    assert trainer_log(settings, job).endswith("trainer stops: the supervisor is gone\n")
    kill(process)


@pytest.mark.sqlite_will_do
def test_what_a_trainer_takes_is_recorded_while_it_trains_and_goes_on_in_its_next_attempt(
    database: Database, post: Post, attempt: StartAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_meter, "INTERVAL_S", 0.05)
    job = post(training={"num_epochs": 1000})

    def rows() -> list[DeviceMetrics]:
        with database.read() as session:
            return list_metrics(session, job.id)

    for number in (1, 2):
        running = attempt(job)
        # A row that no step fell into has no tokens/s, as the first one of an attempt that goes on.
        wait_until(lambda: any(row.attempt == number and row.tokens_per_s for row in rows()))  # noqa: B023
        running.shutting_down.set()
        running.join()
    found = rows()
    assert [row.number for row in found] == list(range(len(found)))
    assert [row.elapsed_s for row in found] == sorted({row.elapsed_s for row in found})
    busiest = max(found, key=lambda row: row.cpu_percent or 0)
    assert busiest.cpu_percent is not None
    assert 0 < busiest.cpu_percent < 100 * (os.cpu_count() or 1) * 1.5
    assert max(row.memory_bytes or 0 for row in found) > 100_000_000, "PyTorch alone takes more"
    assert {(row.mfu, row.gpu_utilization, row.gpu_memory_bytes) for row in found} == {(None, None, None)}
