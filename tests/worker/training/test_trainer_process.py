"""What a supervisor shows of its trainer's log, with processes that stand in for trainers."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.process.logs import RELAYED
from jobs.store.tables import Job
from worker.training import trainer_process
from worker.training.trainer_process import TrainerProcess

JOB = Job(id="job-1", attempt=2, request_id="posting-1")

KEEPS_A_LOG = """
import os, sys, time
from pathlib import Path
from worker.training.log_file import LogFile
print("before", file=sys.stderr, flush=True)
while not any(file.stat().st_size for file in Path(sys.argv[1]).glob("*.log")):  # until it has been kept
    time.sleep(0.01)
LogFile(Path(sys.argv[1]), [1, 2][1:])
print("after", file=sys.stderr, flush=True)
os.write(2, b'{"time": "then", "level": "info", "message": "an object", "job_id": "job-1"}\\n')
os.write(2, b"\\x1b[31munended \\xff")
"""


def run(script: str, folder: Path) -> TrainerProcess:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", script, str(folder)]
    trainer = TrainerProcess(subprocess.Popen(command, bufsize=0, **pipes), JOB, folder)  # type: ignore[call-overload]
    while trainer.wait(60) is None:
        pass
    return trainer


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(trainer_process, "FOLLOW_INTERVAL_S", 0.01)
    caplog.set_level(logging.INFO)


def test_what_a_trainer_writes_before_and_after_it_keeps_its_log_is_shown_in_its_jobs_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = run(KEEPS_A_LOG, tmp_path / "logs" / "attempt-2")
    lines = list(trainer.log_lines)
    assert lines[:2] == ["before", "after"]
    assert json.loads(lines[2])["message"] == "an object"
    assert lines[3:] == ["unended \ufffd"]
    shown = [record for record in caplog.records if record.name == trainer_process.__name__]
    assert len(shown) == 4
    texts = [record for record in shown if not hasattr(record, RELAYED)]
    assert {(vars(record)["request_id"], vars(record)["attempt"]) for record in texts} == {("posting-1", 2)}
    [relayed] = [vars(record)[RELAYED] for record in shown if hasattr(record, RELAYED)]
    assert relayed == json.loads(lines[2])


def test_a_log_that_can_not_be_kept_is_shown_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("where a folder belongs")
    trainer = run("import sys; print('a\\nb', file=sys.stderr)", tmp_path / "file" / "attempt-2")
    assert list(trainer.log_lines) == ["a", "b"]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len([text for text in warnings if "can't be kept" in text]) == 1
    assert len([text for text in warnings if "can't be read" in text]) <= 1
