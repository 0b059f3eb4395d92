import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from model.tokenizers import load_tokenizer
from tests.client.running import processes_of
from tests.waiting import PATIENCE_S, wait_until
from tests.worker.conftest import Attempt
from tests.worker.processes import pids_of
from worker.training import launch, supervisor
from worker.training.launch import PrewarmedTrainer

pytestmark = pytest.mark.slow

Post = Callable[..., Job]
StartAttempt = Callable[[Job], Attempt]
StartPrewarmed = Callable[[], PrewarmedTrainer]

HOLDER = (
    "import signal; from worker.training.launch import PrewarmedTrainer; "
    "prewarmed = PrewarmedTrainer(); prewarmed.start(); "
    "print('on', flush=True); signal.pause()"
)


@pytest.fixture
def start_prewarmed(settings: Settings) -> Iterator[StartPrewarmed]:
    """Starts one and waits until it is ready. Pytest's own variable changes when the test itself begins, so
    that one which the fixture started would have another environment."""
    load_tokenizer("gpt2")  # sets a variable, once in a process: not between a trainer's start and its job
    prewarmed = PrewarmedTrainer()

    def start() -> PrewarmedTrainer:
        prewarmed.start()
        wait_until(lambda: waiting_pids("ready"))
        return prewarmed

    yield start
    prewarmed.close()
    assert waiting_pids() == []


@pytest.fixture
def patient_handover(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a trainer that is ready gets the job."""
    monkeypatch.setattr(launch, "HANDOVER_TIMEOUT_S", PATIENCE_S)


def waiting_pids(stage: str = "", parent_pid: int | None = None) -> list[int]:
    return pids_of(f"worker.training.prewarm {parent_pid or os.getpid()} {stage}")


def stored(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def check_success(database: Database, job: Job) -> str:
    """Expect that it succeeded at its first attempt; the sha256 of its weights."""
    assert (stored(database, job).status, stored(database, job).attempt) == (Status.SUCCEEDED, 1)
    with database.read() as session:
        return list_checkpoints(session, job.id)[-1].sha256


@pytest.mark.usefixtures("patient_handover")
def test_a_prewarmed_trainer_trains_a_job_to_the_same_weights_as_a_fresh_one(
    database: Database,
    settings: Settings,
    post: Post,
    attempt: StartAttempt,
    start_prewarmed: StartPrewarmed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prewarmed = start_prewarmed()
    fresh, job = post(), post()
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "launch_trainer", lambda _: pytest.fail("a fresh one was started"))
        Attempt(database, settings, job.id, prewarmed).join()
    assert waiting_pids() == []
    assert pids_of(f"worker.trainer {job.id}") == []
    attempt(fresh).join()
    assert stored(database, job).threads == settings.threads
    assert check_success(database, job) == check_success(database, fresh)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.sqlite_will_do
def test_a_job_gets_a_fresh_trainer_when_the_prewarmed_one_has_died_or_hangs(
    database: Database,
    settings: Settings,
    post: Post,
    start_prewarmed: StartPrewarmed,
    number: signal.Signals,
) -> None:
    prewarmed = start_prewarmed()
    [pid] = waiting_pids("ready")
    os.kill(pid, number)
    job = post()
    Attempt(database, settings, job.id, prewarmed).join()
    check_success(database, job)
    assert pid not in waiting_pids(), "it was left over"


@pytest.mark.sqlite_will_do
def test_a_job_does_not_wait_for_a_prewarmed_trainer_that_is_starting(
    database: Database, settings: Settings, post: Post
) -> None:
    prewarmed = PrewarmedTrainer()
    job = post()
    prewarmed.start()
    [pid] = wait_until(waiting_pids)
    Attempt(database, settings, job.id, prewarmed).join()
    check_success(database, job)
    assert pid not in waiting_pids()
    prewarmed.close()


@pytest.mark.sqlite_will_do
def test_settings_that_have_changed_since_hold_for_the_job(
    database: Database,
    settings: Settings,
    post: Post,
    start_prewarmed: StartPrewarmed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prewarmed = start_prewarmed()
    monkeypatch.setenv("PRETRAIN_THREADS", "2")
    job = post()
    Attempt(database, settings, job.id, prewarmed).join()
    check_success(database, job)
    assert stored(database, job).threads == 2


@pytest.mark.usefixtures("patient_handover")
@pytest.mark.sqlite_will_do
def test_a_spare_trainer_is_found_as_its_jobs_and_hands_it_back_with_a_checkpoint_when_it_is_drained(
    database: Database, settings: Settings, post: Post, start_prewarmed: StartPrewarmed
) -> None:
    prewarmed = start_prewarmed()
    [pid] = waiting_pids("ready")
    assert pid not in pids_of("worker.trainer"), "it counts as a trainer"
    job = post(training={"num_epochs": 1000})
    running = Attempt(database, settings, job.id, prewarmed)
    assert wait_until(lambda: pids_of(f"worker.trainer {job.id} 1 ")) == [pid]
    assert pid in processes_of(settings.data_dir), "its environment cannot be read any more"
    assert waiting_pids("ready") == []
    wait_until(lambda: (stored(database, job).latest_step or 0) >= 3)
    running.shutting_down.set()
    running.join()
    back = stored(database, job)
    assert (back.status, back.failures) == (Status.QUEUED, 0)
    assert back.step > 3


@pytest.mark.sqlite_will_do
@pytest.mark.usefixtures("patient_handover")
def test_what_a_prewarmed_trainer_logs_is_the_jobs(
    database: Database, settings: Settings, post: Post, start_prewarmed: StartPrewarmed
) -> None:
    prewarmed = start_prewarmed()
    job = post(max_attempts=1)
    (settings.artifacts / "jobs").mkdir(exist_ok=True)
    (settings.artifacts / "jobs" / job.id).write_text("a file where a folder belongs")
    Attempt(database, settings, job.id, prewarmed).join()
    assert stored(database, job).status == Status.FAILED
    with database.read() as session:
        [log] = [event for event in list_events(session, job.id) if event.type == "log"]
    assert "worker/training/prewarm.py" in "".join(log.data["lines"]), log.data


def test_none_is_started_after_it_was_closed(settings: Settings) -> None:
    prewarmed = PrewarmedTrainer()
    prewarmed.start()
    prewarmed.close()
    prewarmed.start()
    assert waiting_pids() == []


@pytest.mark.parametrize("stage", ["", "ready"])
def test_a_prewarmed_trainer_dies_with_its_worker(stage: str) -> None:
    worker = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"on\n"
    wait_until(lambda: waiting_pids(stage, worker.pid))
    worker.kill()
    worker.wait()
    worker.stdout.close()
    wait_until(lambda: not waiting_pids(parent_pid=worker.pid), "it was gone")
