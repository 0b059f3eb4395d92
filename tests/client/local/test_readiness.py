"""What a service that starts still waits for."""

import json

import pytest

from client.local.readiness import Waiting, database_awaited, find_missing
from tests.client.service import FakeService

REFUSED = 'connection to server at "db" (10.0.0.7), port 5432 failed: Connection refused'


def test_each_wait_is_told_once_and_again_when_it_comes_back() -> None:
    told: list[str] = []
    waiting = Waiting(told.append)
    for missing in ("the API", "the API", "workers: train-1 is lost: no sign of life for 21 s"):
        waiting.tell(missing)
    waiting.tell("workers: train-1 is lost: no sign of life for 22 s")
    waiting.tell("the API")
    assert told == [
        "Waiting for the API",
        "Waiting for workers: train-1 is lost: no sign of life for 21 s",
        "Waiting for the API",
    ]


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (f"waiting for the database: {REFUSED}\n", REFUSED),
        (json.dumps({"level": "info", "message": f"waiting for the database: {REFUSED}"}) + "\n", REFUSED),
        (json.dumps({"level": "info", "message": f"waiting for the database: {REFUSED}"})[:-9], None),
        (f"waiting for the database: {REFUSED}\ndatabase at schema 0042\n", None),
        ("", None),
    ],
)
def test_why_the_migrations_wait_is_read_from_their_log(log: str, reason: str | None) -> None:
    assert database_awaited(log) == reason


@pytest.mark.usefixtures("no_certificates")
def test_a_service_says_what_it_lacks(service: FakeService) -> None:
    problem = {"title": "Service Unavailable", "status": 503, "detail": "broker: it is away"}
    service.respond("GET", "/readyz", problem, 503)
    service.respond("GET", "/readyz", {"status": "ready"})
    assert find_missing(service.url) == "broker: it is away"
    assert find_missing(service.url) is None
    assert find_missing("http://127.0.0.1:9") == "the API"
