"""GET and POST /generate"""

from contextvars import copy_context
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http.disconnects import set_disconnect_check
from jobs.broker.generation import Begun, Failure, GenerationRequest, Message, Piece, announce_start
from jobs.broker.queue import GENERATE_QUEUE, make_redis
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.conftest import NOWHERE, Serve, generation_worker, generation_worker_that_falls_silent
from tests.api.seeds import checkpoint
from tests.jobs.making import announce_worker, queued_job, running_job, silence_worker
from tests.jobs.messages import messages

PROMPT = "Every effort moves you"


def begun(step: int = 17, prompt_truncated: bool = False) -> Begun:
    return Begun(step=step, seed=7, prompt_tokens=4, prompt_truncated=prompt_truncated)


def piece(text: str, tokens: int, reason: str | None = None) -> Piece:
    return Piece.model_validate(
        {
            "number": tokens - 1,
            "text": text,
            "completion_tokens": tokens,
            "tokens_per_s": 50.0,
            "finish_reason": reason,
        }
    )


def continued(request: GenerationRequest) -> list[Message]:
    """The messages of a worker that always continues with ` know`, from the requested checkpoint."""
    steps = {"last": 17, "best": 8}
    step = steps.get(request.checkpoint) or int(request.checkpoint)
    return [begun(step), piece(" kn", 1), piece("ow", 2, "length")]


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    """A job with checkpoints at steps 8 (the best) and 17 (the last)."""
    job = running_job(database, settings)
    checkpoint(database, job, step=8, val_loss=6.0)
    checkpoint(database, job, step=17, val_loss=6.5)
    return job


def test_a_response_has_every_field_of_the_contract(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with generation_worker(settings, continued):
        response = client.get("/generate", query_string={"job_id": job.id, "prompt": PROMPT})
    assert response.status_code == 200
    assert response.get_json() == {
        "object": "generation",
        "job_id": job.id,
        "model_id": None,
        "checkpoint": 17,
        "prompt": PROMPT,
        "prompt_truncated": False,
        "completion": " know",
        "text": "Every effort moves you know",
        "prompt_tokens": 4,
        "completion_tokens": 2,
        "finish_reason": "length",
        "seed": 7,
        "tokens_per_s": 50.0,
        "logprobs": None,
    }


def test_query_and_body_ask_the_worker_the_same(client: FlaskClient, settings: Settings, job: Job) -> None:
    options = {
        "job_id": job.id, "prompt": "é & more", "checkpoint": "best", "max_new_tokens": 20,
        "temperature": 0.5, "top_k": 5, "top_p": 0.9, "seed": 7, "stop": ["\n", "."], "logprobs": 2,
    }  # fmt: skip
    with generation_worker(settings, continued, requests=2) as requests:
        assert client.get("/generate", query_string=options).status_code == 200
        assert client.post("/generate", json=options).status_code == 200
    assert requests[0] == requests[1] == GenerationRequest.model_validate(options)


def test_the_defaults_are_the_last_checkpoint_and_50_greedy_tokens(
    client: FlaskClient, settings: Settings, job: Job
) -> None:
    with generation_worker(settings, continued) as requests:
        client.post("/generate", json={"job_id": job.id})
    assert requests == [GenerationRequest(job_id=job.id)]
    assert (requests[0].checkpoint, requests[0].max_new_tokens, requests[0].temperature) == ("last", 50, 0.0)


@pytest.mark.parametrize(("checkpoint", "step"), [("last", 17), ("best", 8), ("8", 8), ("17", 17)])
def test_a_checkpoint_is_chosen_by_kind_or_step(
    client: FlaskClient, settings: Settings, job: Job, checkpoint: str, step: int
) -> None:
    with generation_worker(settings, continued):
        response = client.get(f"/generate?job_id={job.id}&checkpoint={checkpoint}")
    assert response.get_json()["checkpoint"] == step


def test_without_a_job_the_newest_one_that_has_a_checkpoint_answers(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    newer = running_job(database, settings)
    checkpoint(database, newer, step=3)
    queued_job(database, settings)
    with generation_worker(settings, lambda _: [begun(3), piece(" know", 1, "stop")]):
        response = client.get(f"/generate?prompt={PROMPT}").get_json()
    assert (response["job_id"], response["checkpoint"]) == (newer.id, 3)


def test_a_prompt_that_was_cut_is_said_to_be(client: FlaskClient, settings: Settings, job: Job) -> None:
    with generation_worker(settings, lambda _: [begun(prompt_truncated=True), piece("", 1, "stop")]):
        response = client.post("/generate", json={"prompt": "word " * 5000})
    assert response.get_json()["prompt_truncated"] is True
    assert response.get_json()["prompt"] == "word " * 5000


def test_no_checkpoint_anywhere_is_answered_with_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    queued_job(database, settings)
    response = client.get("/generate")
    assert response.status_code == 404
    assert "no job has a checkpoint" in response.get_json(force=True)["detail"]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/generate?job_id=job-0").status_code == 404


def test_a_job_without_a_checkpoint_is_answered_with_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    response = client.get(f"/generate?job_id={queued_job(database, settings).id}")
    assert response.status_code == 404
    assert "none yet" in response.get_json(force=True)["detail"]


def test_an_unknown_checkpoint_is_answered_with_404_and_those_that_there_are(
    client: FlaskClient, job: Job
) -> None:
    response = client.get(f"/generate?job_id={job.id}&checkpoint=9")
    assert response.status_code == 404
    assert "8, 17" in response.get_json(force=True)["detail"]


@pytest.mark.usefixtures("live_generation_worker")
def test_no_answer_in_time_is_answered_with_503_and_nothing_is_left_to_compute(
    serve: Serve, settings: Settings, job: Job
) -> None:
    client = serve(settings.model_copy(update={"generate_timeout_s": 0.1}))
    response = client.get("/generate")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "0.1 s" in response.get_json(force=True)["detail"]
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


@pytest.mark.usefixtures("live_generation_worker")
def test_a_broker_that_is_away_is_answered_with_503(serve: Serve, settings: Settings, job: Job) -> None:
    client = serve(settings.model_copy(update={"redis_url": NOWHERE}))
    response = client.get("/generate")
    assert response.status_code == 503
    assert "Retry-After" in response.headers


@pytest.mark.parametrize(("cause", "status"), [("not_found", 404), ("unavailable", 503), ("internal", 500)])
def test_a_failure_of_the_worker_is_answered_with_its_reason(
    client: FlaskClient, settings: Settings, job: Job, cause: Any, status: int
) -> None:
    with generation_worker(settings, lambda _: [begun(), Failure(cause=cause, reason="it went wrong")]):
        response = client.get("/generate")
    assert response.status_code == status
    assert ("Retry-After" in response.headers) is (status == 503)
    assert response.get_json(force=True)["detail"] == "it went wrong"


def test_the_time_limit_is_answered_with_the_text_so_far(
    client: FlaskClient, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    so_far = (begun(), piece(" know", 1), piece(" what", 2))
    with generation_worker_that_falls_silent(settings, monkeypatch, *so_far):
        response = client.get(f"/generate?prompt={PROMPT}")
    assert response.status_code == 200
    generation = response.get_json()
    assert (generation["text"], generation["completion"]) == (
        "Every effort moves you know what",
        " know what",
    )
    assert (generation["finish_reason"], generation["completion_tokens"], generation["seed"]) == (
        "timeout",
        2,
        7,
    )
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


def test_what_a_client_that_has_gone_had_asked_for_is_given_up(
    serve: Serve, settings: Settings, job: Job
) -> None:
    client = serve(settings)
    has_gone = iter([False, False, True])

    def get() -> Any:
        set_disconnect_check(lambda: next(has_gone))
        return client.get("/generate")

    with generation_worker(settings, lambda _: [begun(), piece(" know", 1)]):
        response = copy_context().run(get)
    assert response.status_code == 503
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


WRONG_QUERIES = [
    ("max_new_tokens=0", "max_new_tokens"),
    ("max_new_tokens=ten", "max_new_tokens"),
    ("max_new_tokens=1.5", "max_new_tokens"),
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
    ("stream=yes", "stream"),
    ("logprobs=-1", "logprobs"),
    ("logprobs=21", "logprobs"),
    ("n=2", "n"),
]


@pytest.mark.parametrize(("query", "field"), WRONG_QUERIES)
def test_a_wrong_parameter_is_answered_with_its_name(
    bare_client: FlaskClient, query: str, field: str
) -> None:
    response = bare_client.get(f"/generate?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json(force=True)["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], {""}),
        ({"max_new_tokens": "20"}, {"max_new_tokens"}),
        ({"max_new_tokens": True}, {"max_new_tokens"}),
        ({"stop": "."}, {"stop"}),
        ({"stream": "true"}, {"stream"}),
        ({"logprobs": True}, {"logprobs"}),
        ({"prompt": 1, "top_k": 0, "extra": 1}, {"prompt", "top_k", "extra"}),
    ],
)
def test_a_wrong_body_is_answered_with_every_wrong_field(
    bare_client: FlaskClient, body: Any, fields: set[str]
) -> None:
    response = bare_client.post("/generate", json=body)
    assert response.status_code == 422
    assert {error["field"] for error in response.get_json(force=True)["errors"]} == fields


ASKING = [
    ("GET", "/generate", {}),
    ("POST", "/generate", {"json": {"prompt": PROMPT}}),
    ("POST", "/generate", {"json": {"prompt": PROMPT, "stream": True}}),
    ("POST", "/score", {"json": {"text": PROMPT}}),
]


@pytest.mark.parametrize(("method", "path", "options"), ASKING)
def test_while_no_worker_lives_a_prompt_is_refused_at_once_and_nothing_is_published(
    serve: Serve, database: Database, settings: Settings, job: Job, method: str, path: str, options: Any
) -> None:
    client = serve(settings.model_copy(update={"generate_timeout_s": 3600.0}))
    refused = client.open(path, method=method, **options)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.get_json()["detail"] == (
        "no generation worker works (none has reported), so nobody would answer"
    )
    silence_worker(database, announce_worker(database, GENERATE_QUEUE), 100)
    lost = client.open(path, method=method, **options)
    assert (lost.status_code, "generate-1 is lost: no sign" in lost.get_json()["detail"]) == (503, True)
    assert messages(settings, GENERATE_QUEUE) == 0


@pytest.mark.parametrize("state", [{"job_id": "job-1"}, {"trouble": "it is slow"}, None])
def test_a_worker_that_is_busy_or_troubled_or_has_just_been_started_is_waited_for(
    serve: Serve, database: Database, settings: Settings, job: Job, state: dict[str, str] | None
) -> None:
    client = serve(settings.model_copy(update={"generate_timeout_s": 0.2}))
    if state is None:
        announce_start(make_redis(settings))
    else:
        announce_worker(database, GENERATE_QUEUE, **state)
    refused = client.post("/generate", json={"prompt": PROMPT})
    assert refused.status_code == 503
    assert refused.get_json()["detail"] == "no generation worker answered within 0.2 s"
