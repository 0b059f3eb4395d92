"""Attempts at tiny jobs, with real trainer processes."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from jobs.lifecycle.attempts import claim
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.small import small_spec
from tests.waiting import PATIENCE_S
from worker.training.launch import PrewarmedTrainer
from worker.training.supervisor import Supervisor


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As for all tests, and in the environment too, where the trainer reads them. With a lease that no slow
    machine lets run out: a test in which somebody is lost says so itself."""
    quick = settings.model_copy(update={"lease_s": float(PATIENCE_S), "renew_s": 0.2, "threads": 1})
    for name, value in quick.model_dump(exclude_defaults=True).items():
        monkeypatch.setenv(f"PRETRAIN_{name.upper()}", str(value))
    return quick


@pytest.fixture
def post(database: Database, settings: Settings) -> Callable[..., Job]:
    """Store the small job, with sections of its spec overridden."""

    def post(**sections: Any) -> Job:
        return submit(database, settings, parse_spec(small_spec(**sections)))[0]

    return post


class Attempt:
    """A supervised attempt in a thread, as a Celery worker runs it."""

    def __init__(
        self, database: Database, settings: Settings, job_id: str, prewarmed: PrewarmedTrainer | None = None
    ) -> None:
        self.shutting_down = threading.Event()
        with database.write() as session:
            job = claim(session, job_id, f"test-{os.getpid()}", settings.lease_s)
        assert job is not None
        self.job = job
        self.supervisor = Supervisor(database, settings, job, self.shutting_down, prewarmed)
        self._thread = threading.Thread(target=self.supervisor.run)
        self._thread.start()

    def join(self, timeout_s: float = 600) -> None:
        self._thread.join(timeout_s)
        assert not self._thread.is_alive()


@pytest.fixture
def attempt(database: Database, settings: Settings) -> Callable[[Job], Attempt]:
    return lambda job: Attempt(database, settings, job.id)
