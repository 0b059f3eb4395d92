"""The real store, driven at random and held against a plain model of what jobs may do."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any, Literal

import hypothesis
import pytest
from hypothesis import HealthCheck, note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import Fenced, claim, fail, renew_lease, stop, succeed
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.history import record_evaluation, record_progress, record_sample
from jobs.lifecycle.reaper import reap
from jobs.lifecycle.requests import (
    DELETABLE,
    delete_job,
    request_cancel,
    request_checkpoint,
    request_finish,
    request_pause,
    resume,
)
from jobs.settings import Settings
from jobs.states import CRASHES, TERMINAL, TRANSITIONS, ErrorType, Status, WrongState, job_error
from jobs.store.database import Database, now_s
from jobs.store.tables import Checkpoint, Evaluation, Event, Job, Removal, Sample, Table
from model.config import EndedBy
from tests.jobs.making import queued_job
from tests.sweeps import examples

N_OPEN = 2
OPEN = [status for status in Status if status not in TERMINAL]
LEASE_S = 1000.0
KEEP_ALL = 1000
STOPPED = {"cancel": Status.CANCELLED, "pause": Status.PAUSED}
OWNERS: dict[type[Table], Any] = {
    Job: Job.id,
    Evaluation: Evaluation.job_id,
    Sample: Sample.job_id,
    Checkpoint: Checkpoint.job_id,
    Event: Event.job_id,
}
"""The tables of what belongs to a job, and the column that says to which."""
LOSSES = {"train_loss": 1.0, "val_loss": 2.0}

Answer = Literal["change", "repeat", "refused"]
Write = Callable[[Session, str, int], object]


@dataclass
class Expected:
    """What a job must be, and how it came to that."""

    max_attempts: int
    status: Status = Status.QUEUED
    stopping: str | None = None
    checkpoint_asked: bool = False
    attempt: int = 0
    failures: int = 0
    error: ErrorType | None = None
    resumed: bool = False
    finished_by_request: bool = False
    evaluations: set[int] = field(default_factory=set)
    checkpoints: set[int] = field(default_factory=set)
    history: list[Status] = field(default_factory=lambda: [Status.QUEUED])

    def become(self, status: Status, error: ErrorType | None = None) -> None:
        assert self.status not in TERMINAL
        self.status, self.error, self.resumed = status, error, False
        self.history.append(status)
        if status in TERMINAL or (status == Status.PAUSED and error is None):
            self.stopping, self.checkpoint_asked = None, False
        elif self.stopping != "finish":
            self.stopping = None

    def answer(self, request: str) -> Answer:
        """What a person gets who asks for that."""
        if request == "cancel" and self.status not in (Status.SUCCEEDED, Status.FAILED):
            return "repeat" if self.status == Status.CANCELLED or self.stopping == "cancel" else "change"
        if request == "finish":
            if self.stopping == "finish" or self.finished_by_request:
                return "repeat"
            if self.status == Status.RUNNING:
                return "repeat" if self.stopping == "cancel" else "change"
            return "change" if self.status == Status.QUEUED and self.attempt else "refused"
        if request == "checkpoint" and self.status == Status.RUNNING:
            return "repeat" if self.checkpoint_asked else "change"
        if request == "pause" and self.status in (Status.RUNNING, Status.PAUSED):
            return "repeat" if self.status == Status.PAUSED or self.stopping else "change"
        if request == "resume" and (self.status == Status.PAUSED or self.resumed):
            return "repeat" if self.resumed else "change"
        return "change" if request == "delete" and self.status in DELETABLE else "refused"

    def fail(self, error: ErrorType) -> None:
        crashed = error in CRASHES
        self.failures += crashed
        if self.stopping == "cancel":
            self.become(Status.CANCELLED)
        elif self.stopping == "pause" and crashed:
            self.become(Status.PAUSED)
        elif error == "disk_full":
            self.become(Status.PAUSED, error)
        elif crashed and self.failures < self.max_attempts:
            self.become(Status.QUEUED)
        else:
            self.become(Status.FAILED, error)


def evaluation_of(step: int) -> dict[str, Any]:
    speed = {"tokens_seen": step, "learning_rate": 1.0, "grad_norm": None, "tokens_per_s": None}
    return {"step": step, "epoch": 1, **LOSSES, **speed}


def checkpoint_of(step: int, attempt: int) -> dict[str, Any]:
    files = {"bytes": 1, "sha256": "0", "directory": f"attempt-{attempt}/step-{step}"}
    return {"step": step, "epoch": 1, **LOSSES, **files}


def evaluate(session: Session, job_id: str, attempt: int, step: int) -> None:
    record_evaluation(session, job_id, attempt, evaluation_of(step))


def keep_checkpoint(session: Session, job_id: str, attempt: int, step: int) -> None:
    record_checkpoint(session, job_id, attempt, checkpoint_of(step, attempt), KEEP_ALL, keep_best=1)


def keep_sample(session: Session, job_id: str, attempt: int) -> None:
    record_sample(session, job_id, attempt, {"step": 0, "epoch": 1, "prompt": "a", "text": "ab"})


WRITES: list[Write] = [
    lambda session, job_id, attempt: renew_lease(session, job_id, attempt, LEASE_S),
    lambda session, job_id, attempt: succeed(session, job_id, attempt, "epochs"),
    lambda session, job_id, attempt: stop(session, job_id, attempt, "drained"),
    lambda session, job_id, attempt: fail(
        session, job_id, attempt, job_error("internal", "boom", attempt), ["a last word"]
    ),
    lambda session, job_id, attempt: record_progress(session, job_id, attempt, step=9),
    lambda session, job_id, attempt: evaluate(session, job_id, attempt, step=0),
    keep_sample,
    lambda session, job_id, attempt: keep_checkpoint(session, job_id, attempt, step=0),
]
"""Everything that an attempt may do to its job."""

REQUESTS: dict[str, Callable[[Session, str], object]] = {
    "cancel": request_cancel,
    "pause": request_pause,
    "resume": resume,
    "finish": request_finish,
    "checkpoint": request_checkpoint,
    "delete": delete_job,
}

ERRORS = ["out_of_memory", "diverged", "disk_full", "bad_dataset", *sorted(CRASHES)]


class Jobs(RuleBasedStateMachine):
    """Some jobs, and all that workers, people and the keeper do to them.

    One rule draws evenly from what is possible: Hypothesis' own choice of rules favours few of them in each
    run, and most runs would claim nothing.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__()
        self._database = database
        self._settings = settings
        self._expected: dict[str, Expected] = {}
        self._deleted: set[str] = set()

    @initialize(random=st.randoms(use_true_random=True))
    def begin(self, random: Random) -> None:
        self._random = random

    def ids(self, *statuses: Status) -> list[str]:
        """Of the jobs in one of these statuses."""
        return [job_id for job_id, expected in self._expected.items() if expected.status in statuses]

    def able(self, request: str) -> list[str]:
        """The jobs that a request would change."""
        return [job_id for job_id, expected in self._expected.items() if expected.answer(request) == "change"]

    def pick(self, *statuses: Status) -> tuple[str, Expected]:
        """A job in one of these statuses."""
        job_id = self._random.choice(self.ids(*statuses))
        return job_id, self._expected[job_id]

    def ask(self, request: str) -> Expected:
        """Make a request of a job that it changes."""
        job_id = self._random.choice(self.able(request))
        with self._database.write() as session:
            REQUESTS[request](session, job_id)
        return self._expected[job_id]

    def rows(self) -> dict[type[Table], list[Any]]:
        """All that is stored of the jobs."""
        rows: dict[type[Table], list[Any]] = {}
        with self._database.read() as session:
            for table, job_id in OWNERS.items():
                chosen = select(*table.__table__.columns).where(job_id.in_(self._expected))
                rows[table] = list(session.execute(chosen.order_by(*table.__table__.primary_key)))
        return rows

    @rule()
    def act(self) -> None:
        """Do one of all the things that can be done now."""
        actions: list[Callable[[], None]] = []
        if len(self.ids(*OPEN)) < N_OPEN:
            actions += [self.submit]
        if self.ids(Status.QUEUED):
            actions += [self.claim]
        if self.ids(Status.RUNNING):
            actions += [self.renew, self.evaluate, self.keep_checkpoint]
            actions += [self.succeed, self.stop, self.fail, self.lose_the_worker]
        asked = {
            "cancel": self.request_cancel,
            "pause": self.request_pause,
            "resume": self.resume,
            "finish": self.request_finish,
            "checkpoint": self.request_checkpoint,
            "delete": self.delete,
        }
        actions += [action for request, action in asked.items() if self.able(request)]
        if self._expected:
            actions += [self.write_too_late, self.ask_in_vain]
        action = self._random.choice(actions)
        note(action.__name__)
        action()

    def submit(self) -> None:
        max_attempts = self._random.choice([1, 2, 3])
        job = queued_job(self._database, self._settings, max_attempts=max_attempts)
        self._expected[job.id] = Expected(max_attempts)

    def claim(self) -> None:
        job_id, expected = self.pick(Status.QUEUED)
        with self._database.write() as session:
            claimed = claim(session, job_id, "worker-1", LEASE_S)
        expected.attempt += 1
        expected.become(Status.RUNNING)
        assert claimed is not None
        assert claimed.attempt == expected.attempt

    def renew(self) -> None:
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            asked = renew_lease(session, job_id, expected.attempt, LEASE_S)
        assert asked.stopping == expected.stopping
        assert (asked.checkpoint_asked_at is not None) == expected.checkpoint_asked

    def succeed(self) -> None:
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            ended_by: EndedBy = "finish" if expected.stopping == "finish" else "epochs"
            status = succeed(session, job_id, expected.attempt, ended_by)
        expected.finished_by_request = expected.stopping == "finish"
        expected.become(Status.CANCELLED if expected.stopping == "cancel" else Status.SUCCEEDED)
        assert status == expected.status

    def stop(self) -> None:
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            status = stop(session, job_id, expected.attempt, "drained")
        expected.become(STOPPED.get(expected.stopping or "", Status.QUEUED))
        assert status == expected.status

    def fail(self) -> None:
        error = self._random.choice(ERRORS)
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            status = fail(session, job_id, expected.attempt, job_error(error, "boom", expected.attempt))
        expected.fail(error)
        assert status == expected.status

    def lose_the_worker(self) -> None:
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=now_s() - 1))
        with self._database.write() as session:
            assert reap(session) == [job_id]
        expected.fail("worker_lost")

    def evaluate(self) -> None:
        step = self._random.randrange(4)
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            evaluate(session, job_id, expected.attempt, step)
        expected.evaluations.add(step)

    def keep_checkpoint(self) -> None:
        step = self._random.randrange(4)
        job_id, expected = self.pick(Status.RUNNING)
        with self._database.write() as session:
            keep_checkpoint(session, job_id, expected.attempt, step)
        expected.checkpoints.add(step)
        expected.failures = 0

    def request_cancel(self) -> None:
        expected = self.ask("cancel")
        if expected.status == Status.RUNNING:
            expected.stopping = "cancel"
        else:
            expected.become(Status.CANCELLED)

    def request_pause(self) -> None:
        self.ask("pause").stopping = "pause"

    def request_finish(self) -> None:
        self.ask("finish").stopping = "finish"

    def request_checkpoint(self) -> None:
        self.ask("checkpoint").checkpoint_asked = True

    def resume(self) -> None:
        expected = self.ask("resume")
        expected.become(Status.QUEUED)
        expected.resumed = True

    def delete(self) -> None:
        expected = self.ask("delete")
        (job_id,) = (job_id for job_id, other in self._expected.items() if other is expected)
        del self._expected[job_id]
        self._deleted.add(job_id)

    def write_too_late(self) -> None:
        job_id, expected = self.pick(*Status)
        newest_too_late = expected.attempt - (expected.status == Status.RUNNING)
        before = self.rows()
        for write in WRITES:
            with pytest.raises(Fenced), self._database.write() as session:
                write(session, job_id, newest_too_late - self._random.randrange(2))
        assert self.rows() == before

    def ask_in_vain(self) -> None:
        job_id, expected = self.pick(*Status)
        before = self.rows()
        for name, request in REQUESTS.items():
            answer = expected.answer(name)
            if answer != "change":
                refusal = pytest.raises(WrongState) if answer == "refused" else nullcontext()
                with refusal, self._database.write() as session:
                    request(session, job_id)
        with self._database.write() as session:
            assert reap(session) == []
            assert expected.status == Status.QUEUED or claim(session, job_id, "late", LEASE_S) is None
        assert self.rows() == before

    @invariant()
    def the_store_is_as_expected(self) -> None:
        rows = self.rows()
        assert {job.id for job in rows[Job]} == set(self._expected)
        for job in rows[Job]:
            expected = self._expected[job.id]
            assert (job.status, job.stopping, job.checkpoint_asked_at is not None, job.attempt) == (
                expected.status,
                expected.stopping,
                expected.checkpoint_asked,
                expected.attempt,
            )
            assert (job.failures, job.error and job.error["type"]) == (expected.failures, expected.error)
            assert steps_of(job, rows[Evaluation]) == expected.evaluations
            assert steps_of(job, rows[Checkpoint]) == expected.checkpoints
            check_columns(job)
            check_events(job, [event for event in rows[Event] if event.job_id == job.id], expected)

    @invariant()
    def deleted_jobs_are_gone_and_their_folders_listed(self) -> None:
        with self._database.read() as session:
            assert not list(session.scalars(select(Job.id).where(Job.id.in_(self._deleted))))
            assert self._deleted <= set(session.scalars(select(Removal.job_id)))


def check_columns(job: Any) -> None:
    """Only a running job has a worker, a lease and perhaps a request to stop, of which `finish` alone
    outlives its attempt; only an ended one an end."""
    running = job.status == Status.RUNNING
    assert (job.worker is not None, job.lease_expires_at is not None) == (running, running)
    assert running or job.stopping is None or (job.stopping == "finish" and job.status not in TERMINAL)
    assert (job.finished_at is not None) == (job.status in TERMINAL)


def check_events(job: Any, events: list[Any], expected: Expected) -> None:
    """The events retell each status that the job has had, and each change was allowed."""
    history = [Status(event.data["status"]) for event in events if event.type == "status"]
    assert history == expected.history
    assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(history))
    assert history.count(Status.RUNNING) == job.attempt


def steps_of(job: Any, rows: list[Any]) -> set[int]:
    return {row.step for row in rows if row.job_id == job.id}


@pytest.mark.hypothesis
@pytest.mark.sqlite_will_do
def test_whatever_is_done_to_jobs_the_store_does_what_the_model_of_it_says(
    database: Database, settings: Settings
) -> None:
    run_state_machine_as_test(
        lambda: Jobs(database, settings),
        settings=hypothesis.settings(
            max_examples=examples(40),
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
