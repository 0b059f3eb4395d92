"""Attempts at jobs, supervised in the test's own process: cheaper than a service where Celery has no part."""

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ByteSize

from jobs.lifecycle.attempts import claim
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Checkpoint, Event, Job
from migrations.upgrade import upgrade
from model.manifest import TRAINING
from tests.chaos.faults import Fault
from tests.chaos.invariants import Outcome, outcome_of
from tests.chaos.service import Hold
from tests.waiting import PATIENCE_S, wait_until
from tests.worker.processes import pids_of, state_of
from worker.training.supervisor import Supervisor

KILLED = "the trainer died of SIGKILL"


class Attempt:
    """A supervisor in a thread, as a Celery worker runs it, and its trainer process."""

    def __init__(self, database: Database, settings: Settings, job: Job) -> None:
        self.number = job.attempt
        self.shutting_down = threading.Event()
        self._words = f"worker.trainer {job.id} {job.attempt} "
        self._settings = settings
        self._supervisor = Supervisor(database, settings, job, self.shutting_down)
        self._thread = threading.Thread(target=self._supervisor.run)
        self._thread.start()

    def ended_within(self, seconds: float) -> bool:
        """Whether it has ended by itself before `seconds` have gone by."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def join(self) -> None:
        assert self.ended_within(PATIENCE_S), f"the attempt has not ended within {PATIENCE_S} s"

    def lose_patience(self) -> None:
        """Let a trainer that has stopped count as one that hangs. A limit on all of its life would have to be
        longer than its imports may take."""
        wait_until(
            lambda: [state_of(pid) for pid in pids_of(self._words)] == ["T"], "the trainer had stopped"
        )
        self._supervisor._settings = self._settings.model_copy(update={"stall_s": 1.0})

    def send(self, number: signal.Signals) -> None:
        """To the trainer, as soon as there is one, unless the attempt ends first."""
        pids = wait_until(lambda: pids_of(self._words) or self.ended_within(0), "a trainer ran")
        if isinstance(pids, list):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[0], number)


class Attempts:
    """Jobs in a SQLite database of their own, attempted one at a time.

    variables  settings of supervisor and trainers, by their names in `Settings`

    hold  where their trainers wait, if a test has them do so
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: Any) -> None:
        values = {
            "data_dir": folder,
            "lease_s": float(PATIENCE_S),
            "stall_s": 10.0 * PATIENCE_S,
            "renew_s": 0.5,
            "threads": 1,
            **variables,
        }
        self.hold = Hold(folder.with_name("hold"))
        for name, value in values.items():
            monkeypatch.setenv(f"PRETRAIN_{name.upper()}", str(value))
        for name, value in self.hold.variables.items():
            monkeypatch.setenv(name, value)
        self._monkeypatch = monkeypatch
        self.settings = Settings(**values, max_job_memory=ByteSize(64 * 2**30))
        folder.mkdir()
        self.database = Database(self.settings.database)
        upgrade(self.database)

    def close(self) -> None:
        self.hold.end()
        self.database.close()

    def post(self, spec: dict[str, Any]) -> str:
        """Store a job; its id."""
        return submit(self.database, self.settings, parse_spec(spec))[0].id

    def start(self, job_id: str, **injection: Any) -> Attempt:
        """Claim the job and start an attempt, with a fault in its trainer if asked: see sitecustomize.py."""
        self._inject(injection)
        with self.database.write() as session:
            job = claim(session, job_id, "chaos", self.settings.lease_s)
        assert job is not None, f"job {job_id} is not queued"
        return Attempt(self.database, self.settings, job)

    def run(self, job_id: str, **injection: Any) -> None:
        """An attempt, to its end."""
        self.start(job_id, **injection).join()

    def finish(self, job_id: str) -> float:
        """An undisturbed attempt, which must be the last; how many seconds it took."""
        started_s = time.monotonic()
        self.run(job_id)
        status = self.job(job_id).status
        assert status == Status.SUCCEEDED, f"job {job_id} is {status}: {self.told(job_id)}"
        return time.monotonic() - started_s

    def was_killed(self, job_id: str) -> bool:
        """Whether the latest attempt has ended by SIGKILL."""
        crashes = self.events(job_id, "crash")
        killed = [crash.attempt for crash in crashes if crash.data["error"]["message"].startswith(KILLED)]
        return self.job(job_id).attempt in killed

    def check_intact(self, fault: Fault, job_id: str) -> None:
        """Expect that what is on record is whole at this moment, whatever a crash has left beside it."""
        self.outcome(job_id).check_order(fault)

    def check_tidy(self, fault: Fault, job_id: str) -> None:
        """Expect that nothing lies on the disk that the rows do not speak of, down to the byte."""
        self.outcome(job_id).check_clean(fault)
        for checkpoint in self.checkpoints(job_id):
            files = {path.name: path.stat().st_size for path in self.folder(checkpoint).iterdir()}
            named = f"job {job_id}, step {checkpoint.step}, resumable: {checkpoint.resumable}"
            fault.expect((TRAINING in files) == checkpoint.resumable, f"{named}: there are {sorted(files)}")
            fault.expect(
                sum(files.values()) == checkpoint.bytes, f"{named}: {files}, but {checkpoint.bytes} on record"
            )

    def trainers(self, job_id: str) -> list[int]:
        """Processes that train the job."""
        return pids_of(f"worker.trainer {job_id} ")

    def folder(self, checkpoint: Checkpoint) -> Path:
        return self.settings.artifacts / checkpoint.directory

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return get_job(session, job_id)

    def events(self, job_id: str, kind: str | None = None) -> list[Event]:
        with self.database.read() as session:
            events = list_events(session, job_id, limit=100_000)
        return [event for event in events if kind in (None, event.type)]

    def told(self, job_id: str) -> list[tuple[str, Any]]:
        return [(event.type, event.data) for event in self.events(job_id)]

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        with self.database.read() as session:
            return list_checkpoints(session, job_id)

    def resumed_steps(self, job_id: str) -> list[int | None]:
        """Where each attempt that came to train has started from."""
        return [event.data["resumed_step"] for event in self.events(job_id, "started")]

    def outcome(self, job_id: str) -> Outcome:
        return outcome_of(self.database, self.settings.artifacts, job_id)

    def _inject(self, injection: dict[str, Any]) -> None:
        if not injection:
            self._monkeypatch.delenv("CHAOS_INJECT", raising=False)
            return
        token = self.settings.data_dir / f"token-{time.monotonic_ns()}"
        plan = {"process": "worker.trainer", "action": "kill", "token": str(token), **injection}
        self._monkeypatch.setenv("CHAOS_INJECT", json.dumps(plan))
