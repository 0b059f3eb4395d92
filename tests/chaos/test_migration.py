"""Migrations that are killed, and schemas that the code does not know."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, select, text

from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import Table
from migrations.upgrade import downgrade, head_revision, upgrade
from tests.backends import PostgresServer
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import INJECTED_PATH
from tests.client.running import Running, environment_on

FIRST = "0001"
NEWER = "9999"

Rows = dict[str, list[dict[str, Any]]]


class Migrated:
    """A database, and the processes that migrate it."""

    def __init__(self, folder: Path, url: str | None) -> None:
        folder.mkdir()
        self._token = folder / "token"
        self.settings = Settings(data_dir=folder / "data", database_url=url)
        self.settings.data_dir.mkdir()
        self.database = Database(self.settings.database)
        variables = {} if url is None else {"PRETRAIN_DATABASE_URL": url}
        self.environment = environment_on(self.settings.data_dir, **variables)

    def migrate(self, **injection: Any) -> subprocess.CompletedProcess[str]:
        """Run `python -m migrations`, with a fault in it if asked: see sitecustomize.py."""
        environment = self.environment
        if injection:
            self._token.unlink(missing_ok=True)
            plan = {"process": "migrations", "action": "kill", "token": str(self._token), **injection}
            environment = {**environment, "PYTHONPATH": INJECTED_PATH, "CHAOS_INJECT": json.dumps(plan)}
        words = [sys.executable, "-m", "migrations"]
        return subprocess.run(
            words, env=environment, check=False, capture_output=True, text=True, timeout=120
        )

    def store_a_job_of_the_first_schema(self) -> str:
        upgrade(self.database)
        job_id = submit(self.database, self.settings, parse_spec(small()))[0].id
        downgrade(self.database, FIRST)
        return job_id

    def stamp(self, revision: str) -> None:
        """Let the database say that it has another schema than it has."""
        with self.database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})

    def rows(self) -> Rows:
        """All that stands in it, by table."""
        with self.database.read() as session:
            connection = session.connection()
            tables = MetaData()
            tables.reflect(connection)
            return {
                name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for name, table in tables.tables.items()
            }


@pytest.fixture
def migrated(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Migrated]:
    """An empty database."""
    if backend == "sqlite":
        found = Migrated(tmp_path / "migrated", None)
        yield found
        found.database.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.make_database()
    found = Migrated(tmp_path / "migrated", url)
    yield found
    found.database.close()
    server.drop_database(url)


def check_complete(fault: Fault, migrated: Migrated, before: Rows) -> None:
    """Expect that a start brings the schema to this version's, with the rows that there were."""
    started = migrated.migrate()
    fault.expect(started.returncode == 0, f"a restart ended with {started.returncode}: {started.stderr}")
    with migrated.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Table.metadata)
        revision = context.get_current_revision()
    fault.expect(revision == head_revision(), f"the schema is {revision}")
    fault.expect(not differences, f"the tables are not those of the code: {differences}")
    after = migrated.rows()
    for name, rows in before.items():
        if name != "alembic_version":
            kept = [
                {column: new[column] for column in old} for old, new in zip(rows, after[name], strict=True)
            ]
            fault.expect(kept == rows, f"the rows of {name} changed: {rows} became {kept}")
    submit(migrated.database, migrated.settings, parse_spec(small()))


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    "stored",
    [pytest.param(False, id="empty", marks=pytest.mark.thorough), pytest.param(True, id="with rows")],
)
def test_a_migration_killed_before_its_commit_changes_nothing_and_a_restart_completes_it(
    migrated: Migrated, fault: Fault, thorough: bool, stored: bool
) -> None:
    if stored:
        migrated.store_a_job_of_the_first_schema()
    before = migrated.rows()
    assert bool(before) == stored
    kills = [("commit", 1), ("statement", 9)]
    if thorough:  # every statement, until the migration has no more
        kills = [("commit", 1), *(("statement", nth) for nth in range(1, 1000))]
    for call, nth in kills:
        killed = migrated.migrate(call=call, nth=nth)
        if thorough and killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        fault.inject()
        fault.expect(migrated.rows() == before, f"killed at {call} {nth} it left half a migration")
    check_complete(fault, migrated, before)


@pytest.mark.fault(23)
def test_a_migration_killed_after_its_commit_is_complete(migrated: Migrated, fault: Fault) -> None:
    migrated.store_a_job_of_the_first_schema()
    before = migrated.rows()
    killed = migrated.migrate(call="commit-answered", nth=1)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    fault.inject()
    found = migrated.rows()["alembic_version"]
    fault.expect(found == [{"version_num": head_revision()}], f"the schema is {found}")
    check_complete(fault, migrated, before)


@pytest.mark.fault(23)
@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_job_from_before_a_killed_migration_is_trained_after_it(
    migrated: Migrated, serve: Serve, reference: Referee, fault: Fault
) -> None:
    job_id = migrated.store_a_job_of_the_first_schema()
    killed = migrated.migrate(call="statement", nth=9)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    fault.inject()
    service = serve(data_dir=migrated.settings.data_dir)  # which migrates first
    service.wait_for_status(job_id, Status.SUCCEEDED)
    service.outcome(job_id).check(fault, reference(small()))


@pytest.mark.sqlite_will_do
@pytest.mark.fault(23)
def test_a_newer_schema_is_refused_with_the_reason_and_left_alone(migrated: Migrated, fault: Fault) -> None:
    migrated.store_a_job_of_the_first_schema()
    migrated.stamp(NEWER)
    before = migrated.rows()
    alone = migrated.migrate()
    stack = Running(["up"], migrated.environment)
    for name, status, said in [
        ("python -m migrations", alone.returncode, alone.stderr),
        ("pretrain up", stack.ended(), stack.err),
    ]:
        fault.inject()
        fault.expect(status == 1, f"{name} ended with {status}")
        told = " ".join(said.split())
        fault.expect(NEWER in told and "newer version of pretrain" in told, f"{name} did not say why: {said}")
        fault.expect("Traceback" not in said, f"{name} ended with a traceback: {said}")
    fault.expect(migrated.rows() == before, "a schema that the code does not know was changed")
    fault.expect(not stack.processes(), f"processes were left: {stack.processes()}")


@pytest.mark.sqlite_will_do
@pytest.mark.fault(23)
def test_an_api_that_meets_a_newer_schema_says_that_it_is_not_ready(
    serve: Serve, fault: Fault, backend: str
) -> None:
    service = serve(database=backend, workers=0, keepers=0)
    with service.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": NEWER})
    fault.inject()
    answer = service.request("GET", "/readyz")
    fault.expect(answer.status_code == 503, f"/readyz was answered {answer.status_code}")
    fault.expect(
        "not this version's" in answer.json()["checks"]["migrations"], f"/readyz says {answer.json()}"
    )
    with service.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": head_revision()})
