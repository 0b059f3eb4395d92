import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import psycopg.errors
import pytest
from sqlalchemy.exc import OperationalError

from jobs.files.disk import (
    SMALL_FILES_BYTES,
    checkpoints_bytes,
    disk_bytes,
    held_bytes,
    is_disk_full,
    missing_bytes,
)
from jobs.files.layout import checkpoint_root
from jobs.spec.job_spec import JobSpec, parse_spec
from model.config import parameter_count
from tests.jobs.making import TINY

TINY_SPEC = parse_spec({**TINY, "tokenizer": "bytes"})
STEPS = 100


def set_free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def spec_with(**checkpoints: int) -> JobSpec:
    return parse_spec({**TINY, "tokenizer": "bytes", "checkpoints": checkpoints})


def test_a_checkpoint_takes_4_bytes_of_weights_and_8_of_optimizer_for_each_parameter() -> None:
    parameters = parameter_count(TINY_SPEC.gpt)
    weights, whole = 4 * parameters + SMALL_FILES_BYTES, 12 * parameters + SMALL_FILES_BYTES
    # Of keep_last 1 and keep_best 1: the last one, the one being written, and the best one's weights.
    assert checkpoints_bytes(TINY_SPEC, STEPS) == 2 * whole + weights
    assert checkpoints_bytes(spec_with(keep_last=3, keep_best=0), STEPS) == 4 * whole
    assert checkpoints_bytes(spec_with(keep_last=1, keep_best=4), STEPS) == 2 * whole + 4 * weights


def test_there_are_no_more_checkpoints_than_steps() -> None:
    parameters = parameter_count(TINY_SPEC.gpt)
    weights, whole = 4 * parameters + SMALL_FILES_BYTES, 12 * parameters + SMALL_FILES_BYTES
    many = spec_with(keep_last=1000, keep_best=1000)
    assert checkpoints_bytes(many, 5) == 5 * whole
    assert checkpoints_bytes(spec_with(keep_last=2, keep_best=1000), 5) == 3 * whole + 2 * weights


def test_with_patience_the_best_checkpoint_is_counted_also_where_none_is_asked_for() -> None:
    keep_none = {**TINY, "tokenizer": "bytes", "checkpoints": {"keep_best": 0}}
    patient = parse_spec({**keep_none, "training": {"early_stopping_patience": 3}})
    assert patient.checkpoints.keep_best == 0
    assert checkpoints_bytes(patient, STEPS) == checkpoints_bytes(spec_with(keep_best=1), STEPS)
    assert checkpoints_bytes(parse_spec(keep_none), STEPS) < checkpoints_bytes(patient, STEPS)


def test_a_job_misses_what_is_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = checkpoints_bytes(TINY_SPEC, STEPS)
    for free, missing in ((needed - 7, 7), (needed, 0), (needed + 7, 0)):
        set_free_bytes(monkeypatch, free)
        assert missing_bytes(tmp_path, "job-1", TINY_SPEC, STEPS) == missing


def test_what_a_job_holds_already_is_no_longer_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = checkpoint_root(tmp_path, "job-1", 1) / "step-1"
    directory.mkdir(parents=True)
    (directory / "weights.safetensors").write_bytes(bytes(64 * 1024))
    held = held_bytes(tmp_path / "jobs" / "job-1")
    assert held >= 64 * 1024
    set_free_bytes(monkeypatch, 0)
    assert missing_bytes(tmp_path, "job-1", TINY_SPEC, STEPS) == checkpoints_bytes(TINY_SPEC, STEPS) - held
    assert missing_bytes(tmp_path, "job-2", TINY_SPEC, STEPS) == checkpoints_bytes(TINY_SPEC, STEPS)


def test_a_file_counts_with_the_room_that_it_takes_not_with_its_length(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert held_bytes(tmp_path) < 2**20


def test_a_folder_that_is_not_there_yet_lies_on_the_disk_of_the_one_above(tmp_path: Path) -> None:
    assert disk_bytes(tmp_path / "not" / "made" / "yet") == shutil.disk_usage(tmp_path).total
    assert missing_bytes(tmp_path / "not" / "made" / "yet", "job-1", TINY_SPEC, STEPS) == 0


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
