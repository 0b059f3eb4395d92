"""The task of a training worker, with a stand-in for the supervisor that ends each job at once."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from structlog.contextvars import bound_contextvars, get_contextvars

from jobs.broker.queue import TRAIN_TASK, make_celery
from jobs.lifecycle.attempts import succeed
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.making import queued_job
from worker.training.memory import TrainingDevice
from worker.training.task import add_training


class SupervisorStandIn:
    """Ends its attempt at once; `trained` has the jobs in the order of their attempts."""

    trained: list[str] = []
    meanwhile: Callable[[str], None] = staticmethod(lambda _: None)

    def __init__(self, database: Database, settings: Settings, job: Job, *_: Any) -> None:
        self._database, self._job = database, job

    def run(self) -> None:
        self.trained.append(self._job.id)
        type(self).meanwhile(self._job.id)
        with self._database.write() as session:
            succeed(session, self._job.id, self._job.attempt, "epochs")


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> type[SupervisorStandIn]:
    monkeypatch.setattr(SupervisorStandIn, "trained", [])
    monkeypatch.setattr("worker.training.task.Supervisor", SupervisorStandIn)
    return SupervisorStandIn


Deliver = Callable[..., None]


@pytest.fixture
def start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, supervisor: type[SupervisorStandIn]
) -> Iterator[Callable[[], Deliver]]:
    """Sets a worker up; what it returns is its task, to be called as for a message with these arguments."""
    for celery_signal in (worker_ready, worker_shutdown, worker_shutting_down):
        monkeypatch.setattr(celery_signal, "receivers", [])

    def start() -> Deliver:
        app = make_celery(settings)
        add_training(app, settings.model_copy(update={"spare_trainer": False}))
        return app.tasks[TRAIN_TASK]

    yield start
    worker_shutdown.send(sender=None)


@pytest.fixture
def deliver(start: Callable[[], Deliver]) -> Deliver:
    return start()


def test_one_message_has_every_waiting_job_trained_in_sqls_order(
    database: Database, settings: Settings, deliver: Deliver, supervisor: type[SupervisorStandIn]
) -> None:
    low, high = queued_job(database, settings), queued_job(database, settings, priority=9)
    deliver()
    assert supervisor.trained == [high.id, low.id]


def test_a_message_of_the_version_before_names_a_job_and_is_a_ring_like_any_other(
    database: Database, settings: Settings, deliver: Deliver, supervisor: type[SupervisorStandIn]
) -> None:
    low, high = queued_job(database, settings), queued_job(database, settings, priority=9)
    deliver(low.id)
    assert supervisor.trained == [high.id, low.id]


def test_a_priority_that_changes_while_another_job_trains_decides_which_is_next(
    database: Database,
    settings: Settings,
    deliver: Deliver,
    supervisor: type[SupervisorStandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = (queued_job(database, settings, priority=priority) for priority in (9, 5, 0))

    def raise_priority(job_id: str) -> None:
        if job_id == first.id:
            with database.write() as session:
                session.execute(update(Job).where(Job.id == third.id).values(priority=6))

    monkeypatch.setattr(supervisor, "meanwhile", staticmethod(raise_priority))
    deliver()
    assert supervisor.trained == [first.id, third.id, second.id]


def test_a_job_posted_while_another_trains_needs_no_message(
    database: Database,
    settings: Settings,
    deliver: Deliver,
    supervisor: type[SupervisorStandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = queued_job(database, settings)
    later: list[str] = []

    def post(job_id: str) -> None:
        if job_id == first.id:
            later.append(queued_job(database, settings).id)

    monkeypatch.setattr(supervisor, "meanwhile", staticmethod(post))
    deliver()
    assert supervisor.trained == [first.id, *later]


def test_a_worker_that_is_asked_to_end_takes_no_further_job(
    database: Database,
    settings: Settings,
    deliver: Deliver,
    supervisor: type[SupervisorStandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [queued_job(database, settings) for _ in range(2)]
    monkeypatch.setattr(
        supervisor, "meanwhile", staticmethod(lambda _: worker_shutting_down.send(sender=None))
    )
    deliver()
    deliver()
    assert supervisor.trained == [jobs[0].id]


def test_a_message_for_nothing_does_nothing(
    database: Database,
    deliver: Deliver,
    supervisor: type[SupervisorStandIn],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    deliver()
    assert supervisor.trained == []
    assert "nothing to do" in caplog.text


def test_a_database_that_is_away_ends_the_task_and_not_the_worker(
    database: Database,
    settings: Settings,
    deliver: Deliver,
    supervisor: type[SupervisorStandIn],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = queued_job(database, settings)

    def refuse(_: Database) -> None:
        raise OperationalError("BEGIN", {}, Exception("connection refused"))

    with monkeypatch.context() as away:
        away.setattr(Database, "write", refuse)
        deliver()
    assert "connection refused" in caplog.text
    deliver()
    assert supervisor.trained == [job.id]


def test_a_job_that_needs_more_memory_than_the_worker_has_is_left_to_others(
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[], Deliver],
    supervisor: type[SupervisorStandIn],
) -> None:
    large, small = queued_job(database, settings, priority=9), queued_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == large.id).values(memory_bytes=2**40 + 1))
    monkeypatch.setattr("worker.training.task.training_device", lambda _: TrainingDevice("cpu", 2**40))
    start()()
    assert supervisor.trained == [small.id]


def test_what_is_logged_while_a_job_is_trained_is_in_its_name_and_in_that_of_the_request_that_posted_it(
    database: Database,
    settings: Settings,
    deliver: Deliver,
    supervisor: type[SupervisorStandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with bound_contextvars(request_id="posting-1"):
        posted = queued_job(database, settings, priority=9)
    other = queued_job(database, settings)
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(supervisor, "meanwhile", staticmethod(lambda _: seen.append(get_contextvars())))
    deliver()
    assert seen == [
        {"request_id": "posting-1", "job_id": posted.id, "attempt": 1},
        {"request_id": None, "job_id": other.id, "attempt": 1},
    ]
    assert get_contextvars() == {}
