"""GET and POST /generate"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.database import Database
from jobs.queue import make_redis
from jobs.settings import Settings
from jobs.tables import Job
from tests.api.conftest import NOWHERE, Serve, generation_worker
from tests.api.seeds import checkpoint
from tests.jobs.making import queued_job, running_job

PROMPT = "Every effort moves you"


def continued(request: dict[str, Any]) -> dict[str, Any]:
    """What a worker answers that always continues with ` know`."""
    return {
        "completion": " know",
        "text": request["prompt"] + " know",
        "prompt_tokens": 4,
        "completion_tokens": 1,
        "finish_reason": "length",
        "seed": 7,
        "tokens_per_s": 50.0,
        "prompt_truncated": False,
    }


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    """A job with checkpoints at steps 8 (the best) and 17 (the last)."""
    job = running_job(database, settings)
    checkpoint(database, job, step=8, val_loss=6.0)
    checkpoint(database, job, step=17, val_loss=6.5)
    return job


def test_an_answer_has_every_field_of_the_contract(client: FlaskClient, settings: Settings, job: Job) -> None:
    with generation_worker(settings, continued):
        answer = client.get("/generate", query_string={"job_id": job.id, "prompt": PROMPT})
    assert answer.status_code == 200
    assert answer.get_json() == {
        "object": "generation",
        "job_id": job.id,
        "checkpoint": 17,
        "prompt": PROMPT,
        "prompt_truncated": False,
        "completion": " know",
        "text": "Every effort moves you know",
        "prompt_tokens": 4,
        "completion_tokens": 1,
        "finish_reason": "length",
        "seed": 7,
        "tokens_per_s": 50.0,
    }


def test_query_and_body_ask_the_worker_the_same(client: FlaskClient, settings: Settings, job: Job) -> None:
    options = {
        "job_id": job.id, "prompt": "é & more", "checkpoint": "best", "max_new_tokens": 20,
        "temperature": 0.5, "top_k": 5, "top_p": 0.9, "seed": 7, "stop": ["\n", "."],
    }  # fmt: skip
    with generation_worker(settings, continued, requests=2) as asked:
        assert client.get("/generate", query_string=options).status_code == 200
        assert client.post("/generate", json=options).status_code == 200
    assert asked[0] == asked[1]
    assert asked[0] == {
        **options, "step": 8, "sha256": f"{8:064d}", "directory": f"jobs/{job.id}/attempt-1/step-8",
    }  # fmt: skip


def test_the_defaults_are_the_last_checkpoint_and_50_greedy_tokens(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with generation_worker(settings, continued) as asked:
        client.post("/generate", json={"job_id": job.id})
    (request,) = asked
    assert (request["step"], request["max_new_tokens"], request["temperature"]) == (17, 50, 0.0)
    assert (request["prompt"], request["top_k"], request["top_p"], request["seed"]) == ("", None, None, None)


@pytest.mark.parametrize(("wanted", "step"), [("last", 17), ("best", 8), ("8", 8), ("17", 17)])
def test_a_checkpoint_is_chosen_by_kind_or_step(
    client: FlaskClient, settings: Settings, job: Job, wanted: str, step: int
) -> None:
    with generation_worker(settings, continued):
        answer = client.get(f"/generate?job_id={job.id}&checkpoint={wanted}")
    assert answer.get_json()["checkpoint"] == step


def test_without_a_job_the_newest_one_that_has_a_checkpoint_answers(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    newer = running_job(database, settings)
    checkpoint(database, newer, step=3)
    queued_job(database, settings)
    with generation_worker(settings, continued):
        assert client.get(f"/generate?prompt={PROMPT}").get_json()["job_id"] == newer.id


def test_a_prompt_that_was_cut_is_said_to_be(client: FlaskClient, settings: Settings, job: Job) -> None:
    with generation_worker(settings, lambda request: continued(request) | {"prompt_truncated": True}):
        answer = client.post("/generate", json={"prompt": "word " * 5000})
    assert answer.get_json()["prompt_truncated"] is True
    assert answer.get_json()["prompt"] == "word " * 5000


def test_no_checkpoint_anywhere_is_answered_with_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    queued_job(database, settings)
    answer = client.get("/generate")
    assert answer.status_code == 404
    assert "no job has a checkpoint" in answer.get_json(force=True)["detail"]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/generate?job_id=job-0").status_code == 404


def test_a_job_without_a_checkpoint_is_answered_with_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    answer = client.get(f"/generate?job_id={queued_job(database, settings).id}")
    assert answer.status_code == 404
    assert "none yet" in answer.get_json(force=True)["detail"]


def test_an_unknown_checkpoint_is_answered_with_404_and_those_that_there_are(
    client: FlaskClient, job: Job
) -> None:
    answer = client.get(f"/generate?job_id={job.id}&checkpoint=9")
    assert answer.status_code == 404
    assert "8, 17" in answer.get_json(force=True)["detail"]


def test_no_answer_in_time_is_answered_with_503_and_nothing_is_left_to_compute(
    serve: Serve, settings: Settings, job: Job
) -> None:
    client = serve(settings.model_copy(update={"generate_timeout_s": 0.1}))
    answer = client.get("/generate")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "0.1 s" in answer.get_json(force=True)["detail"]
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


def test_a_broker_that_is_away_is_answered_with_503(serve: Serve, settings: Settings, job: Job) -> None:
    client = serve(settings.model_copy(update={"redis_url": NOWHERE}))
    answer = client.get("/generate")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_a_failure_of_the_worker_is_answered_with_its_reason(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with generation_worker(settings, lambda _: {"failure": "the checkpoint is damaged"}):
        answer = client.get("/generate")
    assert answer.status_code == 503
    assert "the checkpoint is damaged" in answer.get_json(force=True)["detail"]


WRONG_QUERIES = [
    ("max_new_tokens=0", "max_new_tokens"),
    ("max_new_tokens=ten", "max_new_tokens"),
    ("max_new_tokens=1e3", "max_new_tokens"),
    ("temperature=-1", "temperature"),
    ("temperature=nan", "temperature"),
    ("temperature=inf", "temperature"),
    ("temperature=1e999", "temperature"),
    ("top_k=0", "top_k"),
    ("top_p=0", "top_p"),
    ("top_p=1.5", "top_p"),
    ("seed=-1", "seed"),
    ("seed=4294967296", "seed"),
    ("checkpoint=newest", "checkpoint"),
    ("prompt=a&prompt=b", "prompt"),
    ("prompt=%00", "prompt"),
    ("stop=", "stop.0"),
    ("stream=true", "stream"),
    ("stream=yes", "stream"),
    ("n=2", "n"),
]


@pytest.mark.parametrize(("query", "field"), WRONG_QUERIES)
def test_a_wrong_parameter_is_answered_with_its_name(
    bare_client: FlaskClient, query: str, field: str
) -> None:
    answer = bare_client.get(f"/generate?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json(force=True)["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], {""}),
        ({"max_new_tokens": "20"}, {"max_new_tokens"}),
        ({"max_new_tokens": True}, {"max_new_tokens"}),
        ({"stop": "."}, {"stop"}),
        ({"stream": True}, {"stream"}),
        ({"prompt": 1, "top_k": 0, "extra": 1}, {"prompt", "top_k", "extra"}),
    ],
)
def test_a_wrong_body_is_answered_with_every_wrong_field(
    bare_client: FlaskClient, body: Any, fields: set[str]
) -> None:
    answer = bare_client.post("/generate", json=body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.get_json(force=True)["errors"]} == fields


def test_a_stream_is_refused_as_long_as_there_is_none(bare_client: FlaskClient) -> None:
    answer = bare_client.get("/generate?stream=true")
    assert answer.get_json(force=True)["errors"][0]["message"] == "not supported yet"
    answer = bare_client.get("/generate", headers={"Accept": "text/event-stream"})
    assert answer.get_json(force=True)["errors"][0]["message"] == "not supported yet"
