"""Connections to a database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from jobs.store import database as module
from jobs.store.database import Database
from tests.clocks import replace_clock


def test_whoever_comes_to_a_new_file_waits_while_another_writes_its_first_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQLite itself would not wait."""
    file = tmp_path / "new.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE numbers (number)")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO numbers VALUES (7)")
        # It ends once the one that waits has been told that the file is locked.
        replace_clock(monkeypatch, module, sleep=lambda _: other.in_transaction and other.execute("COMMIT"))
        database = Database(f"sqlite:///{file}")
        with database.read() as session:
            assert session.execute(text("SELECT number FROM numbers")).scalar_one() == 7
            assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        database.close()
