"""GET /healthz, /readyz and /version"""

import re
import socket
from collections.abc import Collection
from concurrent.futures import Future, wait

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from api.views import health
from jobs.broker.queue import make_redis
from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.conftest import NOWHERE, Serve, with_parts
from tests.jobs.ages import without_age
from tests.jobs.making import announce_worker, silence_worker
from tests.waiting import PATIENCE_S, wait_until


def test_a_process_without_anything_behind_it_is_alive(bare_client: FlaskClient) -> None:
    response = bare_client.get("/healthz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_the_version_is_that_of_the_package(bare_client: FlaskClient) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", bare_client.get("/version").get_json()["version"])


def test_a_service_that_has_everything_is_ready(client: FlaskClient, database: Database) -> None:
    announce_worker(database, "train")
    announce_worker(database, "generate")
    announce_worker(database, "prepare")
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.get_json() == {
        "status": "ready",
        "checks": {"database": "ok", "broker": "ok", "migrations": "ok", "artifacts": "ok", "workers": "ok"},
    }


def test_a_service_without_workers_is_not_ready_and_says_which_work_nobody_does(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    announce_worker(database, "generate")
    announce_worker(database, "prepare")
    silence_worker(database, announce_worker(database, "train"), settings.lease_s + 1)
    response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.get_json(force=True)["checks"]
    lack = without_age(checks.pop("workers"), settings.lease_s + 1)
    assert lack == "no training worker works (train-1 is lost: no sign of life for N s)"
    assert checks == {"database": "ok", "broker": "ok", "migrations": "ok", "artifacts": "ok"}


def test_a_service_that_has_nothing_says_what_is_missing(bare_client: FlaskClient) -> None:
    response = bare_client.get("/readyz")
    problem = response.get_json(force=True)
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert "Retry-After" in response.headers
    assert set(problem["checks"]) == {"database", "broker", "migrations", "artifacts", "workers"}
    # What has not been made yet can be: artifacts.
    assert [name for name, finding in problem["checks"].items() if finding == "ok"] == ["artifacts"]
    assert "broker: " in problem["detail"]


def test_a_broker_that_is_away_is_named_alone(serve: Serve, settings: Settings, database: Database) -> None:
    announce_worker(database, "train")
    announce_worker(database, "generate")
    announce_worker(database, "prepare")
    client = serve(settings.model_copy(update={"redis_url": NOWHERE}))
    problem = client.get("/readyz").get_json(force=True)
    assert [name for name, finding in problem["checks"].items() if finding != "ok"] == ["broker"]


def test_a_broker_that_accepts_and_never_answers_does_not_hold_the_check_up(
    serve: Serve, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.5)

    def wait_for_the_others_first(checks: Collection[Future[None]], timeout_s: float) -> None:
        wait_until(lambda: sum(check.done() for check in checks) == len(checks) - 1, "one alone was left")
        wait(checks, timeout_s)

    monkeypatch.setattr(health, "wait", wait_for_the_others_first)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings_of_silent = settings.model_copy(update={"redis_url": url})
        # Its Redis does not give up before the check does.
        client = with_parts(serve(settings_of_silent), redis=make_redis(settings_of_silent, PATIENCE_S))
        problem = client.get("/readyz").get_json(force=True)
    assert problem["checks"]["broker"] == "no answer within 0.5 s"
    assert problem["checks"]["database"] == "ok"


def test_a_database_without_this_versions_schema_is_named(client: FlaskClient, database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    checks = client.get("/readyz").get_json(force=True)["checks"]
    assert checks["database"] == "ok"
    assert "migrations" in checks["migrations"]


def test_a_service_that_can_write_no_artifacts_is_not_ready(
    serve: Serve, settings: Settings, database: Database
) -> None:
    response = serve(settings.model_copy(update={"artifacts_url": "/proc/x"})).get("/readyz")
    assert response.status_code == 503
    detail = response.get_json(force=True)["checks"]["artifacts"]
    assert detail == "data sets and checkpoints cannot be written: No such file or directory"
