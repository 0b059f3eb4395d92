"""`python -m migrations`"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from jobs.store.database import Database
from migrations import __main__ as migrations_main
from migrations.__main__ import main
from migrations.upgrade import head_revision
from tests.clocks import replace_clock


class SmallDatabase(Database):
    """One that is full after two pages."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)

        @event.listens_for(self.engine, "connect")
        def bound(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA max_page_count = 2")


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path))
    # Whoever waits for what never comes fails.
    replace_clock(monkeypatch, migrations_main, sleep=lambda _: pytest.fail("it waits"))
    return tmp_path


def test_a_full_disk_is_told_at_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("migrations.__main__.Database", SmallDatabase)
    assert main() == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"the database cannot be used: the disk of {data_dir} is full (")
    assert not (data_dir / "pretrain.sqlite3-wal").exists()


def test_a_file_that_cannot_be_opened_is_told_at_once(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_dir / "pretrain.sqlite3").mkdir()
    assert main() == 1
    assert capsys.readouterr().err == "the database cannot be used: unable to open database file\n"


def test_a_database_that_does_not_answer_is_waited_for_and_the_reason_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRETRAIN_DATABASE_URL", "postgresql+psycopg://user:secret@127.0.0.1:1/name")
    waits: list[float] = []
    replace_clock(monkeypatch, migrations_main, sleep=waits.append, monotonic=lambda: 30.0 * len(waits))
    assert main() == 1
    printed = capsys.readouterr()
    assert len(waits) == 3
    assert printed.out.count("waiting for the database: connection failed") == printed.out.count("\n") == 1
    assert printed.err.startswith("the database does not answer: connection failed")
    assert "secret" not in printed.out + printed.err


def test_for_machines_what_it_says_is_a_line_of_the_log(tmp_path: Path) -> None:
    environment = {"PRETRAIN_DATA_DIR": str(tmp_path), "PRETRAIN_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "migrations"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
    [line] = [json.loads(text) for text in ran.stderr.splitlines()]
    assert (line["level"], line["logger"]) == ("info", "migrations")
    assert line["message"] == f"database at schema {head_revision()}"
