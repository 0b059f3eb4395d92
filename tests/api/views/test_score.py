"""POST /score"""

import math
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.broker.generation import Failure, Message, ScoreRequest, Scores
from jobs.broker.queue import make_redis
from jobs.broker.token_probs import ScoredToken
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.conftest import NOWHERE, Serve, generation_worker
from tests.api.seeds import checkpoint
from tests.jobs.making import running_job

pytestmark = pytest.mark.usefixtures("live_generation_worker")

FIRST = ScoredToken(token="Ev", bytes=(69, 118))


def token(text: str, nats: float | None, rank: int = 3) -> ScoredToken:
    return ScoredToken(token=text, bytes=tuple(text.encode()), nats=nats, rank=rank)


def scores(*messages: list[ScoredToken]) -> list[Message]:
    return [
        Scores(number=number, step=17, tokens=tuple(tokens), is_last=number == len(messages) - 1)
        for number, tokens in enumerate(messages)
    ]


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    job = running_job(database, settings)
    checkpoint(database, job, step=17)
    return job


def test_a_response_has_every_token_and_the_figures_of_the_whole(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with generation_worker(
        settings, lambda _: scores([FIRST, token("er", 1.0)], [token("ÿ", 2.5, rank=1)])
    ) as asked:
        response = client.post("/score", json={"job_id": job.id, "checkpoint": "17", "text": "Everÿ"})
    assert asked == [ScoreRequest(kind="score", job_id=job.id, checkpoint="17", text="Everÿ")]
    assert response.status_code == 200
    assert response.get_json() == {
        "object": "score",
        "job_id": job.id,
        "model_id": None,
        "checkpoint": 17,
        "tokens": [
            {"token": "Ev", "bytes": [69, 118], "nats": None, "rank": None},
            {"token": "er", "bytes": [101, 114], "nats": 1.0, "rank": 3},
            {"token": "ÿ", "bytes": [195, 191], "nats": 2.5, "rank": 1},
        ],
        "loss": 1.75,
        "perplexity": math.exp(1.75),
        "bits_per_byte": pytest.approx(3.5 / math.log(2) / 4),
    }


@pytest.mark.parametrize(
    ("tokens", "loss", "perplexity"),
    [
        ([FIRST], None, None),
        ([FIRST, token("e", 2000.0)], 2000.0, None),
        ([FIRST, token("e", None)], None, None),
    ],
)
def test_what_has_no_finite_value_is_null(
    client: FlaskClient, settings: Settings, job: Job, tokens: list[ScoredToken], loss: Any, perplexity: Any
) -> None:
    with generation_worker(settings, lambda _: scores(tokens)):
        score = client.post("/score", json={"text": "Eve"}).get_json()
    assert (score["loss"], score["perplexity"]) == (loss, perplexity)


def test_a_text_of_too_many_tokens_names_the_field_and_the_limit(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    failure = Failure(cause="invalid", reason="must have at most 10 tokens, not 11")
    with generation_worker(settings, lambda _: [failure]):
        response = client.post("/score", json={"text": "x" * 1000})
    assert response.status_code == 422
    [error] = response.get_json(force=True)["errors"]
    assert (error["field"], error["message"]) == ("text", "must have at most 10 tokens, not 11")
    assert len(error["value"]) == 200


@pytest.mark.parametrize(("cause", "status"), [("not_found", 404), ("unavailable", 503), ("internal", 500)])
def test_a_failure_of_the_worker_is_answered_with_its_reason(
    client: FlaskClient, settings: Settings, job: Job, cause: Any, status: int
) -> None:
    with generation_worker(settings, lambda _: [Failure(cause=cause, reason="it went wrong")]):
        response = client.post("/score", json={"text": "x"})
    assert (response.status_code, response.get_json(force=True)["detail"]) == (status, "it went wrong")


def test_no_score_in_time_is_answered_with_503_and_nothing_is_left_to_compute(
    serve: Serve, settings: Settings, job: Job
) -> None:
    client = serve(settings.model_copy(update={"generate_timeout_s": 0.1}))
    response = client.post("/score", json={"text": "x"})
    assert response.status_code == 503
    assert "0.1 s" in response.get_json(force=True)["detail"]
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


def test_a_broker_that_is_away_is_answered_with_503(serve: Serve, settings: Settings, job: Job) -> None:
    client = serve(settings.model_copy(update={"redis_url": NOWHERE}))
    assert client.post("/score", json={"text": "x"}).status_code == 503


@pytest.mark.parametrize("body", [{"job_id": "job-0"}, {"checkpoint": "9"}])
def test_what_is_not_there_is_answered_with_404(client: FlaskClient, job: Job, body: dict[str, str]) -> None:
    assert client.post("/score", json={"text": "x", **body}).status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"text"}),
        ({"text": ""}, {"text"}),
        ({"text": "a\0"}, {"text"}),
        ({"text": ["a"]}, {"text"}),
        ({"text": "a", "checkpoint": "newest", "top": 1, "kind": "score"}, {"checkpoint", "top", "kind"}),
    ],
)
def test_a_wrong_body_is_answered_with_every_wrong_field(
    bare_client: FlaskClient, body: Any, fields: set[str]
) -> None:
    response = bare_client.post("/score", json=body)
    assert response.status_code == 422
    assert {error["field"] for error in response.get_json(force=True)["errors"]} == fields
