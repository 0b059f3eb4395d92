"""A process killed while it forks a job, at the Nth sync, rename or commit, for every N that there is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.files import cleanup
from jobs.files.cleanup import remove_deleted, sweep_staged_jobs
from jobs.files.layout import initial_directory, jobs_directory
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job, Removal
from migrations.upgrade import upgrade
from tests.chaos.faults import Fault
from tests.chaos.service import INJECTED_PATH
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import running_job

pytestmark = pytest.mark.slow

FORK = """
import sys
from jobs.lifecycle.forking import fork
from jobs.settings import load_settings
from jobs.spec.forks import ForkRequest
from jobs.store.database import Database
settings = load_settings()
fork(Database(settings.database), settings, sys.argv[-1], ForkRequest())
"""
QUICK = {"fsync": [1, 2, 3], "rename": [1, 2], "commit": [6, 7], "commit-answered": [6, 7]}
"""Which of them are tried in daily work: the last ones are those around the transaction that stores the
job."""
FILES = {"weights.safetensors", "training.safetensors", "checkpoint.json"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """In SQLite, of a service that has no other process."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.data_dir.mkdir()
    found = Database(settings.database)
    upgrade(found)
    yield found
    found.close()


def fork_is_killed(settings: Settings, parent: Job, call: str, nth: int, token: Path) -> bool:
    """Whether the process has been killed before it had forked the job."""
    injection = {"process": "a-fork", "call": call, "nth": nth, "action": "kill", "token": str(token)}
    environment = {
        **os.environ,
        "PYTHONPATH": INJECTED_PATH,
        "CHAOS_INJECT": json.dumps(injection),
        "PRETRAIN_DATA_DIR": str(settings.data_dir),
    }
    command = [sys.executable, "-c", FORK, "a-fork", parent.id]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode in (0, -9), ended.stderr
    return ended.returncode != 0


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    "call",
    [
        "rename",
        "commit-answered",
        pytest.param("fsync", marks=pytest.mark.thorough),
        pytest.param("commit", marks=pytest.mark.thorough),
    ],
)
def test_a_fork_that_is_killed_is_whole_or_leaves_nothing(
    database: Database,
    settings: Settings,
    fault: Fault,
    thorough: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    parent = running_job(database, settings)
    resumable_checkpoint(database, settings, parent, 8)
    monkeypatch.setattr(cleanup, "PARTIAL_FILE_S", -1)
    for nth in count(1) if thorough else QUICK[call]:
        if not fork_is_killed(settings, parent, call, nth, tmp_path / f"struck-{nth}"):
            assert thorough, f"there is no {call} number {nth}: QUICK is to be changed"
            break
        fault.inject()
        remove_deleted(database, settings.artifacts)
        sweep_staged_jobs(settings.artifacts)
        with database.read() as session:
            children = set(session.scalars(select(Job.id).where(Job.parent_id == parent.id)))
            removals = list(session.scalars(select(Removal.job_id)))
        folders = {folder.name for folder in jobs_directory(settings.artifacts).iterdir()}
        fault.expect(folders == {parent.id, *children}, f"{call} {nth}: {folders} for {children}")
        fault.expect(removals == [], f"{call} {nth}: {removals} are still to be removed")
        for child in children:
            files = {file.name for file in initial_directory(settings.artifacts, child).iterdir()}
            fault.expect(files == FILES, f"{call} {nth}: {child} starts from {files}")
