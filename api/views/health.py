"""Liveness, readiness and version of the service."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from importlib.metadata import version

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parse_request
from api.http.problems import problem_responses, unavailable
from api.http.scopes import Scope
from api.records.health import HealthRecord, ReadinessRecord, VersionRecord
from api.records.record import json_response
from api.server.pools import HEALTH, in_pool
from api.services import Services, services
from jobs.files.layout import check_writable
from jobs.lifecycle.workers import list_workers, unserved_queues
from jobs.store.database import Database
from migrations.upgrade import schema_is_current

CHECK_TIMEOUT_S = 4

health = APIBlueprint(
    "health", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500)
)

# Bounded, so that checks of something that hangs do not pile up: later ones then time out in the queue.
check_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="readiness")


@health.get("/healthz", responses={200: HealthRecord})
@in_pool(HEALTH)
@parse_request(Scope.PUBLIC)
def show_health() -> Response:
    """Say whether the process is alive"""
    return json_response(HealthRecord())


@health.get("/readyz", responses={200: ReadinessRecord, **problem_responses(503)})
@parse_request(Scope.PUBLIC)
def show_readiness() -> Response:
    """Say whether jobs can be taken and are worked on
    Checks database, broker, migrations, the folder of artifacts and workers; `checks` says for each `ok` or
    what is wrong.
    """
    checks = check_all(services())
    failures = [f"{name}: {result}" for name, result in checks.items() if result != "ok"]
    if failures:
        raise unavailable("; ".join(failures), checks=checks)
    return json_response(ReadinessRecord(checks=checks))


@health.get("/version", responses={200: VersionRecord})
@in_pool(HEALTH)
@parse_request(Scope.PUBLIC)
def show_version() -> Response:
    """Say which version of the service this is"""
    return json_response(VersionRecord(version=version("pretrain")))


def check_all(services: Services) -> dict[str, str]:
    """By check: `ok`, or what is wrong. Takes no longer than CHECK_TIMEOUT_S."""
    checks: dict[str, Callable[[], None]] = {
        "database": lambda: check_database(services.database),
        "broker": lambda: check_broker(services),
        "migrations": lambda: check_migrations(services.database),
        "artifacts": lambda: check_artifacts(services),
        "workers": lambda: check_workers(services),
    }
    running = {name: check_threads.submit(check) for name, check in checks.items()}
    wait(running.values(), CHECK_TIMEOUT_S)
    return {name: result_of(future) for name, future in running.items()}


def result_of(check: Future[None]) -> str:
    if not check.done():
        check.cancel()
        return f"no answer within {CHECK_TIMEOUT_S} s"
    error = check.exception()
    # The first line: SQLAlchemy and psycopg go on with the statement and hints.
    return "ok" if error is None else (str(error).strip() or type(error).__name__).splitlines()[0]


def check_database(database: Database) -> None:
    with database.read() as session:
        session.connection()


def check_broker(services: Services) -> None:
    services.redis.ping()


def check_migrations(database: Database) -> None:
    if not schema_is_current(database):
        raise RuntimeError("the schema is not this version's; run `python -m migrations`")


def check_artifacts(services: Services) -> None:
    try:
        check_writable(services.settings.artifacts)
    except OSError as error:
        raise RuntimeError(f"data sets and checkpoints cannot be written: {error.strerror}") from error


def check_workers(services: Services) -> None:
    with services.database.read() as session:
        states = list_workers(session, services.settings.lease_s)
    if reasons := unserved_queues(states):
        raise RuntimeError("; ".join(reasons))
