"""GET and POST /generate as a stream of events"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from flask.testing import FlaskClient

from api.http import streams
from api.views import generation
from jobs.broker.generation import Failure, Piece, deliver
from jobs.broker.queue import make_redis
from jobs.broker.token_probs import LikelyToken, TokenLogprob
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.conftest import generation_worker, generation_worker_that_falls_silent, take_next_request
from tests.api.seeds import checkpoint
from tests.api.server.serving import serving
from tests.api.views.events import parse_events
from tests.api.views.test_generate import begun, continued, piece
from tests.jobs.making import running_job
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.usefixtures("live_generation_worker")

LIKELY = LikelyToken(token="\ufffd", bytes=(195,), logprob=-0.5)
LOGPROB = TokenLogprob(token=" kn", bytes=(32, 107, 110), logprob=-1.5, rank=2, top=(LIKELY,))


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    job = running_job(database, settings)
    checkpoint(database, job, step=17)
    return job


def with_logprobs(piece: Piece) -> Piece:
    return piece.model_copy(update={"logprobs": (LOGPROB,)})


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("&stream=true", {}),
        ("", {"Accept": "text/event-stream"}),
        ("&stream=true", {"Accept": "application/json"}),
    ],
)
def test_a_stream_has_an_event_for_each_piece_and_then_the_record(
    client: FlaskClient, settings: Settings, job: Job, query: str, headers: dict[str, str]
) -> None:
    with generation_worker(settings, continued, requests=2):
        response = client.get(f"/generate?prompt=I{query}", headers=headers)
        streamed = parse_events(response.text)
        record = client.get("/generate?prompt=I").get_json()
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    assert streamed == [
        ("piece", {"text": " kn", "completion_tokens": 1, "logprobs": None}),
        ("piece", {"text": "ow", "completion_tokens": 2, "logprobs": None}),
        ("generation", record),
    ]
    assert record["finish_reason"] == "length"


def test_stream_false_outweighs_the_accept_header(client: FlaskClient, settings: Settings, job: Job) -> None:
    with generation_worker(settings, continued):
        response = client.post("/generate", json={"stream": False}, headers={"Accept": "text/event-stream"})
    assert response.mimetype == "application/json"


def test_no_proxy_may_hold_a_stream_back(client: FlaskClient, settings: Settings, job: Job) -> None:
    with generation_worker(settings, continued):
        headers = client.post("/generate", json={"stream": True}).headers
    assert headers["X-Accel-Buffering"] == "no"
    assert "no-transform" in headers["Cache-Control"]
    assert "Content-Length" not in headers


def test_logprobs_come_with_the_pieces_and_all_of_them_in_the_record(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    messages = [begun(), with_logprobs(piece(" kn", 1)), with_logprobs(piece("", 2, "stop"))]
    with generation_worker(settings, lambda _: list(messages)) as asked:
        response = client.post("/generate", json={"stream": True, "logprobs": 1})
    assert asked[0].logprobs == 1
    shown = {
        "token": " kn", "bytes": [32, 107, 110], "logprob": -1.5, "rank": 2,
        "top": [{"token": "\ufffd", "bytes": [195], "logprob": -0.5}],
    }  # fmt: skip
    first, last, (_, record) = parse_events(response.text)
    assert first == ("piece", {"text": " kn", "completion_tokens": 1, "logprobs": [shown]})
    assert last == ("piece", {"text": "", "completion_tokens": 2, "logprobs": [shown]})
    assert record["logprobs"] == [shown, shown]


def test_an_end_without_any_text_is_the_record_alone(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with generation_worker(settings, lambda _: [begun(), piece("", 1, "stop")]):
        response = client.post("/generate", json={"stream": True})
    assert [name for name, _ in parse_events(response.text)] == ["generation"]


@pytest.mark.parametrize(("cause", "status"), [("not_found", 404), ("unavailable", 503), ("internal", 500)])
def test_a_failure_before_the_first_piece_is_a_problem(
    client: FlaskClient, settings: Settings, job: Job, cause: Any, status: int
) -> None:
    with generation_worker(settings, lambda _: [begun(), Failure(cause=cause, reason="it went wrong")]):
        response = client.post("/generate", json={"stream": True})
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")


@pytest.mark.parametrize(("cause", "status"), [("unavailable", 503), ("internal", 500)])
def test_a_failure_after_the_first_piece_is_an_error_event(
    client: FlaskClient, settings: Settings, job: Job, cause: Any, status: int
) -> None:
    failure = Failure(cause=cause, reason="it went wrong")
    with generation_worker(settings, lambda _: [begun(), piece(" kn", 1), failure]):
        response = client.post("/generate", json={"stream": True})
    (_, first), (name, problem) = parse_events(response.text)
    assert (first["text"], name) == (" kn", "error")
    assert (problem["status"], problem["detail"], problem["instance"]) == (
        status,
        "it went wrong",
        "/generate",
    )


def test_the_time_limit_ends_a_stream_with_the_record(
    client: FlaskClient, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with generation_worker_that_falls_silent(settings, monkeypatch, begun(), piece(" know", 1)):
        response = client.post("/generate", json={"stream": True})
    _, (name, record) = parse_events(response.text)
    assert (name, record["finish_reason"], record["completion"]) == ("generation", "timeout", " know")


def test_a_worker_of_another_version_is_named_in_an_error(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    def answer() -> None:
        redis = make_redis(settings)
        request_id, _ = take_next_request(settings, redis)
        deliver(redis, "stand-in", {request_id: [begun(), piece(" kn", 1)]})
        redis.rpush(f"pretrain:{request_id}:messages", '{"kind": "picture"}')

    worker = threading.Thread(target=answer)
    worker.start()
    response = client.post("/generate", json={"stream": True})
    worker.join()
    _, (name, problem) = parse_events(response.text)
    assert (name, problem["status"]) == ("error", 500)
    assert "another version" in problem["detail"]
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


@contextmanager
def streaming(client: FlaskClient) -> Iterator[httpx2.Response]:
    """A stream from the real server, over a socket."""
    with serving(client.application) as served:
        url = f"http://127.0.0.1:{served.port}/generate?stream=true"
        with httpx2.stream("GET", url, timeout=PATIENCE_S, trust_env=False, verify=False) as response:
            yield response


def test_pieces_are_sent_as_they_come_and_comments_while_none_does(
    client: FlaskClient, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "HEARTBEAT_S", 0.2)
    may_end = threading.Event()

    def answer() -> None:
        redis = make_redis(settings)
        request_id, _ = take_next_request(settings, redis)
        deliver(redis, "stand-in", {request_id: [begun(), piece(" kn", 1)]})
        while not may_end.wait(0.5):
            deliver(redis, "stand-in", {request_id: []})
        deliver(redis, "stand-in", {request_id: [piece("ow", 2, "length")]})

    worker = threading.Thread(target=answer)
    worker.start()
    with streaming(client) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: piece"
        assert next(line for line in lines if line.startswith(":"))
        may_end.set()
        assert [name for name, _ in parse_events(lines)][-1] == "generation"
    worker.join()


def test_a_client_that_goes_away_in_the_middle_stops_the_work(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    redis = make_redis(settings)
    asked: list[str] = []

    def answer() -> None:
        request_id, _ = take_next_request(settings, redis)
        asked.append(request_id)
        deliver(redis, "stand-in", {request_id: [begun(), piece(" kn", 1)]})

    worker = threading.Thread(target=answer)
    worker.start()
    with streaming(client) as response:
        next(response.iter_lines())
        worker.join()
        response.close()
        request_id = asked[0]
        wait_until(lambda: deliver(redis, "stand-in", {request_id: []}) == {request_id}, "nobody waited")
    assert list(redis.scan_iter("pretrain:*")) == []


def test_a_service_that_stops_ends_its_streams_and_says_so(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with (
        generation_worker(settings, lambda _: [begun(), piece(" kn", 1)]),
        serving(client.application) as served,
        httpx2.stream(
            "GET",
            f"http://127.0.0.1:{served.port}/generate?stream=true",
            timeout=PATIENCE_S,
            trust_env=False,
            verify=False,
        ) as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "event: piece"
        # Its threads have no grace in the tests, so this is what a cycle hears at once.
        for connection in served.server.state.connections.busy():
            connection.stop()
        *_, (name, problem) = parse_events(lines)
    assert (name, problem["status"], problem["detail"]) == ("error", 503, "the service is stopping")


def test_an_event_is_one_line_of_data_whatever_the_text() -> None:
    sent = streams.event({"text": "a\nb\r\n\u2028event: x\n\n"}, "piece").decode()
    assert sent.count("\n") == 3
    assert parse_events(sent) == [("piece", {"text": "a\nb\r\n\u2028event: x\n\n"})]
