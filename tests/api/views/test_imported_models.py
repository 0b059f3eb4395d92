"""Models from outside where a job's checkpoint can be asked: /generate, /score, /v1"""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobs.broker.generation import Begun, GenerationRequest, Message, Piece, ScoreRequest, Scores
from jobs.broker.token_probs import ScoredToken
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import ImportedModel
from tests.api.conftest import generation_worker
from tests.gpt2_files import write_model
from tests.imported import imported_model, sent_model

ANSWER: list[Message] = [
    Begun(step=0, seed=3, prompt_tokens=1, prompt_truncated=False),
    Piece(number=0, text=" b", completion_tokens=1, tokens_per_s=9.0, finish_reason="length"),
]


@pytest.fixture
def model(database: Database, settings: Settings, tmp_path: Path) -> ImportedModel:
    return imported_model(database, settings, write_model(tmp_path / "model"))


def test_a_ready_model_says_what_it_is(client: FlaskClient, model: ImportedModel) -> None:
    record = client.get(f"/models/{model.id}").get_json()
    assert (record["status"], record["error"], record["fraction"]) == ("ready", None, 1.0)
    assert (record["tokenizer"], record["parameters"]) == ("bytes", model.parameters)
    assert (record["model"]["emb_dim"], record["model"]["tie_weights"]) == (12, True)
    assert len(record["sha256"]) == 64


def test_generate_asks_it(client: FlaskClient, settings: Settings, model: ImportedModel) -> None:
    for request in (
        lambda: client.get(f"/generate?model_id={model.id}&prompt=a"),
        lambda: client.post("/generate", json={"model_id": model.id, "prompt": "a"}),
    ):
        with generation_worker(settings, lambda _: ANSWER) as asked:
            response = request()
        assert asked == [GenerationRequest(model_id=model.id, prompt="a")]
        record = response.get_json()
        assert (record["model_id"], record["job_id"], record["checkpoint"]) == (model.id, None, None)
        assert record["text"] == "a b"


def test_score_asks_it(client: FlaskClient, settings: Settings, model: ImportedModel) -> None:
    token = ScoredToken(token="a", bytes=(97,))
    with generation_worker(
        settings, lambda _: [Scores(number=0, step=0, tokens=(token,), is_last=True)]
    ) as asked:
        record = client.post("/score", json={"model_id": model.id, "text": "a"}).get_json()
    assert asked == [ScoreRequest(kind="score", model_id=model.id, text="a")]
    assert (record["model_id"], record["job_id"], record["checkpoint"]) == (model.id, None, None)


def test_openais_api_lists_and_asks_it(client: FlaskClient, settings: Settings, model: ImportedModel) -> None:
    (listed,) = client.get("/v1/models").get_json()["data"]
    assert (listed["id"], listed["created"]) == (model.id, int(model.created_at))
    assert client.get(f"/v1/models/{model.id}").get_json() == listed
    with generation_worker(settings, lambda _: ANSWER) as asked:
        record = client.post("/v1/completions", json={"model": model.id, "prompt": "a", "seed": 3}).get_json()
    (request,) = asked
    assert isinstance(request, GenerationRequest)
    assert (request.model_id, request.job_id) == (model.id, None)
    assert (record["model"], record["choices"][0]["text"]) == (model.id, " b")


@pytest.mark.parametrize("suffix", [":best", ":last", ":1"])
def test_openais_api_has_no_checkpoints_of_it(client: FlaskClient, model: ImportedModel, suffix: str) -> None:
    response = client.get(f"/v1/models/{model.id}{suffix}")
    assert response.status_code == 404
    assert "has no checkpoints" in response.get_json()["error"]["message"]


@pytest.mark.parametrize("field", [{"job_id": "job-1"}, {"checkpoint": "best"}])
def test_a_model_is_asked_alone(client: FlaskClient, model: ImportedModel, field: dict[str, str]) -> None:
    response = client.post("/generate", json={"model_id": model.id, **field})
    assert response.status_code == 422
    (error,) = response.get_json(force=True)["errors"]
    assert (error["field"], error["value"]) == ("model_id", model.id)
    assert f"can't be given together with {next(iter(field))}" in error["message"]


def test_a_model_that_is_not_ready_or_not_there_is_404_with_the_reason(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    waiting = sent_model(database, settings, write_model(tmp_path / "waiting"))
    for model_id, reason in ((waiting.id, "is still being prepared"), ("model-0", "no model 'model-0'")):
        for response in (
            client.post("/generate", json={"model_id": model_id}),
            client.post("/score", json={"model_id": model_id, "text": "a"}),
        ):
            assert response.status_code == 404
            assert reason in response.get_json(force=True)["detail"]
        response = client.post("/v1/completions", json={"model": model_id, "prompt": "a"})
        assert reason in response.get_json()["error"]["message"]
    assert client.get("/v1/models").get_json()["data"] == []
