import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import psycopg.errors
import pytest
from sqlalchemy.exc import OperationalError

from jobs.files.disk import (
    disk_bytes,
    is_disk_full,
    missing_bytes,
    used_bytes,
)
from jobs.files.layout import checkpoint_root, initial_directory

NEEDED = 10 * 2**20


def set_free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def test_a_job_misses_what_is_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, missing in ((NEEDED - 7, 7), (NEEDED, 0), (NEEDED + 7, 0)):
        set_free_bytes(monkeypatch, free)
        assert missing_bytes(tmp_path, "job-1", NEEDED) == missing


def test_what_a_job_holds_already_is_no_longer_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = checkpoint_root(tmp_path, "job-1", 1) / "step-1"
    directory.mkdir(parents=True)
    (directory / "weights.safetensors").write_bytes(bytes(64 * 1024))
    used = used_bytes(tmp_path / "jobs" / "job-1")
    assert used >= 64 * 1024
    set_free_bytes(monkeypatch, 0)
    assert missing_bytes(tmp_path, "job-1", NEEDED) == NEEDED - used
    assert missing_bytes(tmp_path, "job-2", NEEDED) == NEEDED


def test_what_a_job_has_started_from_leaves_its_own_checkpoints_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initial = initial_directory(tmp_path, "job-1")
    initial.mkdir(parents=True)
    (initial / "weights.safetensors").write_bytes(bytes(64 * 1024))
    set_free_bytes(monkeypatch, 0)
    assert missing_bytes(tmp_path, "job-1", NEEDED) == NEEDED


def test_a_file_counts_with_the_room_that_it_takes_not_with_its_length(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert used_bytes(tmp_path) < 2**20


def test_a_folder_that_is_not_there_yet_lies_on_the_disk_of_the_one_above(tmp_path: Path) -> None:
    assert disk_bytes(tmp_path / "not" / "made" / "yet") == shutil.disk_usage(tmp_path).total
    assert missing_bytes(tmp_path / "not" / "made" / "yet", "job-1", NEEDED) == 0


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EDQUOT, ""), True),
        (OSError(errno.EACCES, ""), False),
        (OperationalError("", {}, psycopg.errors.DiskFull()), True),
        (OperationalError("", {}, psycopg.errors.ConnectionFailure()), False),
        (ValueError("full"), False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(error: Exception, full: bool) -> None:
    assert is_disk_full(error) is full
