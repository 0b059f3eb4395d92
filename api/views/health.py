"""Whether the service is alive, whether it can work, and what it is."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from importlib.metadata import version

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parsed
from api.http.problems import problem_responses, unavailable
from api.records import HealthRecord, ReadinessRecord, VersionRecord, answer
from api.server.lanes import ALIVE, in_lane
from api.services import Services, services
from jobs.files.layout import check_writable
from jobs.lifecycle.workers import list_workers, unserved_queues
from jobs.store.database import Database
from migrations.upgrade import schema_is_current

CHECK_TIMEOUT_S = 4

health = APIBlueprint(
    "health", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500)
)

# Bounded, so that checks of something that hangs do not pile up: those behind them then time out as well.
checkers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="readiness")


@health.get("/healthz", responses={200: HealthRecord})
@in_lane(ALIVE)
@parsed()
def show_health() -> Response:
    """Say whether the process is alive"""
    return answer(HealthRecord())


@health.get("/readyz", responses={200: ReadinessRecord, **problem_responses(503)})
@parsed()
def show_readiness() -> Response:
    """Say whether jobs can be taken and are worked on
    Checks database, broker, migrations, the folder of artifacts and workers; `checks` says for each `ok` or
    what is wrong.
    """
    checks = check_all(services())
    wrong = [f"{name}: {finding}" for name, finding in checks.items() if finding != "ok"]
    if wrong:
        raise unavailable("; ".join(wrong), checks=checks)
    return answer(ReadinessRecord(checks=checks))


@health.get("/version", responses={200: VersionRecord})
@in_lane(ALIVE)
@parsed()
def show_version() -> Response:
    """Say which version of the service this is"""
    return answer(VersionRecord(version=version("pretrain")))


def check_all(of: Services) -> dict[str, str]:
    """What each check found: `ok`, or what is wrong. Takes no longer than CHECK_TIMEOUT_S."""
    checks: dict[str, Callable[[], None]] = {
        "database": lambda: check_database(of.database),
        "broker": lambda: check_broker(of),
        "migrations": lambda: check_migrations(of.database),
        "artifacts": lambda: check_artifacts(of),
        "workers": lambda: check_workers(of),
    }
    running = {name: checkers.submit(check) for name, check in checks.items()}
    wait(running.values(), CHECK_TIMEOUT_S)
    return {name: finding(future) for name, future in running.items()}


def finding(check: Future[None]) -> str:
    if not check.done():
        check.cancel()
        return f"no answer within {CHECK_TIMEOUT_S} s"
    error = check.exception()
    # The first line: SQLAlchemy and psycopg go on with the statement and hints.
    return "ok" if error is None else (str(error).strip() or type(error).__name__).splitlines()[0]


def check_database(database: Database) -> None:
    with database.read() as session:
        session.connection()


def check_broker(of: Services) -> None:
    of.redis.ping()


def check_migrations(database: Database) -> None:
    if not schema_is_current(database):
        raise RuntimeError("the schema is not this version's; run `python -m migrations`")


def check_artifacts(of: Services) -> None:
    try:
        check_writable(of.settings.artifacts)
    except OSError as error:
        raise RuntimeError(f"data sets and checkpoints cannot be written: {error.strerror}") from error


def check_workers(of: Services) -> None:
    with of.database.read() as session:
        states = list_workers(session, of.settings.lease_s)
    if wrong := unserved_queues(states):
        raise RuntimeError("; ".join(wrong))
