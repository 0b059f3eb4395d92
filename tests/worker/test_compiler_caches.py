import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from tests.worker.conftest import Attempt
from worker.compiler_caches import CACHES, FOLDER, REMOTE_CACHES, UnsafeFolder, use_private_caches

NAMES = (*CACHES, *REMOTE_CACHES)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Puts back what `use_private_caches` changes in this process."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    return monkeypatch


def mode_of(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_every_cache_lies_in_a_folder_of_this_users_alone_whatever_the_environment_says(
    environment: pytest.MonkeyPatch, tmp_path: Path, umask: int
) -> None:
    for name in NAMES:
        environment.setenv(name, "/tmp/planted" if name in CACHES else "1")
    before = os.umask(umask)
    try:
        for _ in range(2):  # a worker's second trainer finds it there
            use_private_caches(tmp_path / "data")
    finally:
        os.umask(before)
    folder = tmp_path / "data" / FOLDER
    assert mode_of(folder) == 0o700
    for name in CACHES:
        assert Path(os.environ[name]).parent == folder
        assert Path(os.environ[name]).is_dir()
    assert {os.environ[name] for name in REMOTE_CACHES} == {"0"}
    assert Path(tempfile.gettempdir()).parent == folder


@pytest.mark.slow
def test_inductor_keeps_nothing_outside_even_where_it_ignores_its_variable(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from torch._inductor.runtime.cache_dir_utils import cache_dir, default_cache_dir

    tempfile.gettempdir()  # is looked up once
    use_private_caches(tmp_path)
    assert Path(cache_dir()).is_relative_to(tmp_path / FOLDER)
    assert Path(default_cache_dir()).is_relative_to(tmp_path / FOLDER)


def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o700)
    return folder


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (lambda folder: folder.symlink_to(elsewhere(folder.parent)), "is no folder"),
        (lambda folder: folder.symlink_to(folder.parent / "nothing"), "is no folder"),
        (lambda folder: folder.write_text(""), "is no folder"),
        (lambda folder: (folder.mkdir(), folder.chmod(0o750)), r"open to other users \(its mode is 0750\)"),
        (lambda folder: (folder.mkdir(), folder.chmod(0o702)), r"open to other users \(its mode is 0702\)"),
    ],
    ids=["a link", "a dangling link", "a file", "readable by a group", "writable by others"],
)
def test_a_folder_that_others_could_have_filled_is_refused_and_nothing_is_set(
    environment: pytest.MonkeyPatch, tmp_path: Path, plant: Callable[[Path], object], reason: str
) -> None:
    plant(tmp_path / FOLDER)
    before = dict(os.environ)
    with pytest.raises(UnsafeFolder, match=f"{FOLDER} in the data folder .*{reason}.*remove it"):
        use_private_caches(tmp_path)
    assert os.environ == before


def test_a_folder_of_another_user_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(mode=0o700)
    owner = os.geteuid()
    environment.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UnsafeFolder, match=f"belongs to the user {owner}"):
        use_private_caches(tmp_path)


COMPILED = {"compile": True, "num_epochs": 1, "max_steps": 1}


def ended(database: Database, job: Job) -> Job:
    with database.read() as session:
        assert isinstance(session, Session)
        return get_job(session, job.id)


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler here")
@pytest.mark.slow
def test_a_compiled_job_neither_reads_nor_writes_a_cache_that_was_planted(
    database: Database,
    settings: Settings,
    post: Callable[..., Job],
    attempt: Callable[[Job], Attempt],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    planted = tmp_path / "shared"
    planted.mkdir()
    monkeypatch.setenv("TMPDIR", str(planted))
    for name in CACHES.keys() - {"TMPDIR"}:
        monkeypatch.setenv(name, str(planted / name))
    job = post(training=COMPILED, model={"n_layers": 1})
    attempt(job).join(timeout_s=900)  # some minutes of a C++ compiler on a busy machine
    assert ended(database, job).status == Status.SUCCEEDED
    assert list(planted.iterdir()) == []
    assert mode_of(settings.data_dir / FOLDER) == 0o700
    assert any((settings.data_dir / FOLDER / "inductor").iterdir())


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.slow
def test_a_compiled_job_fails_with_the_reason_where_its_caches_can_not_be_trusted(
    database: Database, settings: Settings, post: Callable[..., Job], attempt: Callable[[Job], Attempt]
) -> None:
    (settings.data_dir / FOLDER).mkdir()
    (settings.data_dir / FOLDER).chmod(0o777)
    job = post(training=COMPILED, max_attempts=1)
    attempt(job).join()
    error = ended(database, job).error
    assert error is not None
    assert error["type"] == "internal"
    assert "its mode is 0777" in error["message"]
