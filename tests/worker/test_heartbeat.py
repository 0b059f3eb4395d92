import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import task_postrun, task_prerun, worker_ready, worker_shutdown

from jobs.broker.queue import make_celery
from jobs.lifecycle.workers import WorkerState, list_workers, machine_of
from jobs.settings import Settings
from jobs.store.database import Database
from migrations.upgrade import upgrade
from tests.backends import running_redis
from tests.jobs.making import CALIBRATION
from tests.waiting import PATIENCE_S, wait_until
from worker.heartbeat import Heartbeat

SELDOM_S = 3600.0


def workers_of(database: Database, settings: Settings) -> list[WorkerState]:
    with database.read() as session:
        return list_workers(session, settings.lease_s)


Begin = Callable[..., Heartbeat]


@pytest.fixture
def begin(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Makes heartbeats and, as Celery does, tells them that their worker is ready and that it ends."""
    for celery_signal in (worker_ready, worker_shutdown):
        monkeypatch.setattr(celery_signal, "receivers", [])

    def begin(*, ready: bool = True, is_warm: bool = True, **changes: float) -> Heartbeat:
        changed = settings.model_copy(update=changes)
        heartbeat = Heartbeat(database, changed, "train", is_warm=is_warm)
        heartbeat.attach(make_celery(settings))
        if ready:
            worker_ready.send(sender=None)
        return heartbeat

    yield begin
    worker_shutdown.send(sender=None)


def test_a_worker_tells_of_itself_from_its_start_to_its_end(
    database: Database, settings: Settings, begin: Begin
) -> None:
    heartbeat = begin()
    (state,) = wait_until(lambda: workers_of(database, settings))
    worker = state.worker
    assert (worker.id, worker.queue, worker.pid) == (heartbeat.worker_id, "train", os.getpid())
    assert (state.status, worker.listening, worker.job_id) == ("idle", True, None)
    worker_shutdown.send(sender=None)
    assert workers_of(database, settings) == []


def test_what_a_worker_has_measured_is_told_at_once(
    database: Database, settings: Settings, begin: Begin
) -> None:
    heartbeat = begin(renew_s=SELDOM_S)
    wait_until(lambda: workers_of(database, settings))
    heartbeat.set_calibration(CALIBRATION)
    (state,) = wait_until(
        lambda: [each for each in workers_of(database, settings) if each.worker.calibration]
    )
    assert machine_of(state.worker).calibration == CALIBRATION


def test_a_worker_is_idle_from_its_start_or_the_end_of_its_job(begin: Begin) -> None:
    heartbeat = begin(renew_s=SELDOM_S)
    time.sleep(0.02)
    assert heartbeat.idle_s > 0.01
    with heartbeat.running("job-1"):
        assert heartbeat.idle_s == 0
    assert 0 < heartbeat.idle_s < 10


def test_a_worker_that_needs_a_warm_up_is_seen_once_that_is_done(
    database: Database, settings: Settings, begin: Begin
) -> None:
    heartbeat = begin(is_warm=False, renew_s=0.02)
    time.sleep(0.1)
    assert workers_of(database, settings) == []
    heartbeat.warmed_up()
    (state,) = wait_until(lambda: workers_of(database, settings))
    assert state.status == "idle"


def test_a_worker_that_ends_in_its_warm_up_is_never_seen(
    database: Database, settings: Settings, begin: Begin
) -> None:
    heartbeat = begin(is_warm=False, renew_s=0.02)
    worker_shutdown.send(sender=None)
    heartbeat.warmed_up()
    time.sleep(0.1)
    assert workers_of(database, settings) == []


def test_it_shows_at_once_which_job_it_runs(database: Database, settings: Settings, begin: Begin) -> None:
    heartbeat = begin(renew_s=SELDOM_S)
    (idle,) = wait_until(lambda: workers_of(database, settings))
    with heartbeat.running("job-1"):
        wait_until(lambda: workers_of(database, settings)[0].worker.job_id == "job-1")
        (busy,) = workers_of(database, settings)
        assert busy.worker.since >= idle.worker.since
    wait_until(lambda: workers_of(database, settings)[0].worker.job_id is None)


def test_it_is_at_nothing_after_a_job_that_raised(
    database: Database, settings: Settings, begin: Begin
) -> None:
    heartbeat = begin(renew_s=SELDOM_S)

    def crash() -> None:
        wait_until(lambda: [state.worker.job_id for state in workers_of(database, settings)] == ["job-1"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), heartbeat.running("job-1"):
        crash()
    wait_until(lambda: workers_of(database, settings)[0].worker.job_id is None)


def test_it_goes_on_telling(database: Database, settings: Settings, begin: Begin) -> None:
    begin(renew_s=0.02)
    (first,) = wait_until(lambda: workers_of(database, settings))
    wait_until(lambda: workers_of(database, settings)[0].worker.heard_at > first.worker.heard_at)


def test_a_consumer_that_has_not_ticked_for_a_lease_no_longer_listens_and_one_that_ticks_again_does(
    database: Database, settings: Settings, begin: Begin
) -> None:
    heartbeat = begin(renew_s=0.02, lease_s=0.5)
    wait_until(
        lambda: workers_of(database, settings) and not workers_of(database, settings)[0].worker.listening
    )

    def listens_again() -> bool:
        heartbeat.tick()
        return workers_of(database, settings)[0].worker.listening

    wait_until(listens_again)


class Overdue:
    """Work that is overdue for as long as it says."""

    def __init__(self, overdue_s: float) -> None:
        self._overdue_s = overdue_s

    def overdue_s(self) -> float:
        return self._overdue_s


@pytest.mark.parametrize(
    ("overdue_s", "trouble"),
    [
        (0.0, None),
        (12.0, "something has not ended that should have 12 s ago"),
        (math.inf, "it will never answer a request again"),
    ],
)
def test_a_worker_whose_work_is_overdue_says_so_and_is_hung(
    database: Database, settings: Settings, begin: Begin, overdue_s: float, trouble: str | None
) -> None:
    heartbeat = begin(ready=False)
    heartbeat.deadlines = Overdue(overdue_s)
    assert heartbeat.find_trouble() == trouble
    worker_ready.send(sender=None)
    (state,) = wait_until(lambda: workers_of(database, settings))
    assert (state.status, state.detail) == ("hung" if trouble else "idle", trouble)


def consumer_of(heartbeat: Heartbeat, app: Any) -> tuple[Any, Any]:
    """The step that Celery starts and stops with its connection, and a stand-in for the consumer."""
    (step,) = app.steps["consumer"]
    timer = SimpleNamespace(call_repeatedly=lambda *_: SimpleNamespace(cancel=lambda: None))
    return step(None), SimpleNamespace(timer=timer)


def test_a_consumer_that_stands_still_is_trouble_while_it_is_connected_unless_a_job_trains(
    database: Database, settings: Settings
) -> None:
    app = make_celery(settings)
    heartbeat = Heartbeat(database, settings.model_copy(update={"lease_s": 0.03}), "train")
    heartbeat.attach(app)
    step, consumer = consumer_of(heartbeat, app)
    step.start(consumer)
    wait_until(lambda: heartbeat.find_trouble() is not None)
    assert "it has taken no message" in str(heartbeat.find_trouble())
    with heartbeat.running("job-1"):
        assert heartbeat.find_trouble() is None, "its trainer may be well"
    step.stop(consumer)
    assert heartbeat.find_trouble() is None, "no other process would have a broker either"


def test_a_generation_worker_that_takes_no_message_is_in_trouble_whatever_it_is_at(
    database: Database, settings: Settings
) -> None:
    app = make_celery(settings)
    heartbeat = Heartbeat(database, settings.model_copy(update={"lease_s": 0.03}), "generate")
    heartbeat.attach(app)
    step, consumer = consumer_of(heartbeat, app)
    step.start(consumer)
    with heartbeat.running("job-1"):
        wait_until(lambda: heartbeat.find_trouble() is not None)


def test_a_worker_whose_threads_are_all_stuck_is_in_trouble_until_one_is_free(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for celery_signal in (task_prerun, task_postrun):
        monkeypatch.setattr(celery_signal, "receivers", [])
    heartbeat = Heartbeat(database, settings.model_copy(update={"lease_s": 0.03}), "generate")
    heartbeat.attach(make_celery(settings), quick_task_slots=2)
    task_prerun.send(sender=None, task_id="a")
    time.sleep(2 * heartbeat.silence_limit_s)
    assert heartbeat.find_trouble() is None, "the other thread takes prompts in"
    task_prerun.send(sender=None, task_id="b")
    wait_until(lambda: heartbeat.find_trouble() is not None)
    assert "it has begun no task" in str(heartbeat.find_trouble())
    task_postrun.send(sender=None, task_id="a")
    assert heartbeat.find_trouble() is None


def test_a_worker_that_ends_before_it_was_ready_ends_quietly(
    database: Database, settings: Settings, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    begin(ready=False)
    worker_shutdown.send(sender=None)
    assert caplog.text == ""
    assert workers_of(database, settings) == []


def test_a_database_that_is_not_migrated_yet_hears_of_it_once_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for celery_signal in (worker_ready, worker_shutdown):
        monkeypatch.setattr(celery_signal, "receivers", [])
    settings.data_dir.mkdir(exist_ok=True)
    database = Database(settings.database)
    heartbeat = Heartbeat(database, settings.model_copy(update={"renew_s": 0.02}), "train")
    heartbeat.attach(make_celery(settings))
    worker_ready.send(sender=None)
    wait_until(lambda: "could not record the worker heartbeat" in caplog.text)
    upgrade(database)
    wait_until(lambda: workers_of(database, settings))
    worker_shutdown.send(sender=None)
    database.close()


@pytest.fixture
def worker(settings: Settings) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts `python -m worker train --unwatched` on a broker."""
    started: list[subprocess.Popen[bytes]] = []

    def start(redis_url: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PRETRAIN_REDIS_URL": redis_url}
        started.append(
            subprocess.Popen([sys.executable, "-m", "worker", "train", "--unwatched"], env=environment)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_real_worker_listens_as_long_as_it_has_its_broker_and_takes_leave(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, worker: Callable[[str], Any]
) -> None:
    monkeypatch.setenv("PRETRAIN_LEASE_S", "3")
    monkeypatch.setenv("PRETRAIN_RENEW_S", "1")

    def statuses() -> list[tuple[str, str | None]]:
        return [(state.status, state.detail) for state in workers_of(database, settings)]

    with running_redis(standalone=False) as broker:
        process = worker(broker.url)
        # A machine that stalls for longer than its lease makes it look hung for a moment, for other reasons.
        wait_until(lambda: statuses() == [("idle", None)], "it listened")
        assert workers_of(database, settings)[0].worker.pid == process.pid
        broker.stop()
        wait_until(lambda: statuses() == [("hung", "it no longer listens to the broker")])
        broker.start()
        wait_until(lambda: statuses() == [("idle", None)], "it listened again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
    assert workers_of(database, settings) == []
