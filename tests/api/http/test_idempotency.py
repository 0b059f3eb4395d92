"""Idempotency-Key: a request that is repeated is done once."""

import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from api.records.jobs import job_record
from jobs.files.layout import models_directory
from jobs.lifecycle import submission
from jobs.settings import Settings
from jobs.store.database import Database, now_s
from jobs.store.idempotency import KEPT_S, forget_old_answers
from jobs.store.tables import Dataset, IdempotentAnswer, ImportedModel, Job, Table, TrainedTokenizer
from tests.api.seeds import stored_checkpoint
from tests.jobs.making import TINY, running_job

KEY = "9b2f1c4e-7c54-4b0c-8d1b-2f6f5f3c9a10"


def post(
    client: FlaskClient, body: Any, key: str | None = KEY, path: str = "/jobs", **options: Any
) -> TestResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, json=body, headers=headers, **options)


def count(database: Database, table: type[Table] = Job) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_first_answer_is_given_again(client: FlaskClient, database: Database) -> None:
    first = post(client, TINY)
    assert "Idempotent-Replayed" not in first.headers
    with database.write() as session:  # what has become of the job meanwhile is not part of the answer
        session.execute(update(Job).values(name="renamed", status="cancelled"))
    again = post(client, TINY)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.content_type == first.content_type
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count(database) == 1


def test_the_first_answer_is_rendered_once(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []

    def counted(*about: Any) -> Any:
        rendered.append(about)
        return job_record(*about)

    monkeypatch.setattr("api.views.jobs.job_record", counted)
    assert post(client, TINY).status_code == 201
    assert post(client, TINY, key=None).status_code == 201
    assert len(rendered) == 2


def test_the_same_json_written_otherwise_is_the_same_request(client: FlaskClient, database: Database) -> None:
    first = post(client, {"preset": "tiny", "dataset": "sample"})
    other_order = b'{ "dataset" : "sample",\n "preset": "tiny" }'
    again = client.post(
        "/jobs", data=other_order, content_type="application/json", headers={"Idempotency-Key": KEY}
    )
    assert again.data == first.data
    assert count(database) == 1


def test_another_body_or_path_with_the_key_is_a_conflict(client: FlaskClient, database: Database) -> None:
    post(client, TINY)
    for body, path in (({**TINY, "name": "other"}, "/jobs"), (TINY, "/jobs/job-0/fork"), ({}, "/tokenizers")):
        answer = post(client, body, path=path)
        assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
        assert "used for another request" in answer.get_json()["detail"]
    assert count(database) == 1


def test_another_key_and_none_make_another_job(client: FlaskClient, database: Database) -> None:
    ids = {post(client, TINY, key).get_json()["id"] for key in (KEY, "other", None, None)}
    assert len(ids) == count(database) == 4


def test_a_request_that_failed_is_tried_again(client: FlaskClient, database: Database) -> None:
    assert post(client, {**TINY, "dataset": "nobody-has-it"}).status_code == 422
    assert post(client, {**TINY, "name": 1}).status_code == 422
    answer = post(client, TINY)
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)
    assert count(database) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256, "a\tb"])
def test_what_can_be_no_key_is_refused(client: FlaskClient, database: Database, key: str) -> None:
    answer = post(client, TINY, key)
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert (error["field"], error["message"]) == (
        "Idempotency-Key",
        "must be 1 to 255 visible ASCII characters, such as a UUID",
    )
    assert count(database) == 0


@pytest.mark.parametrize("key", ["a", "~!" * 127 + "x"])
def test_any_visible_ascii_is_a_key(client: FlaskClient, key: str) -> None:
    first = post(client, TINY, key)
    assert (first.status_code, post(client, TINY, key).data) == (201, first.data)


TEXT = b"Every effort moves you. " * 9
LINES = b'{"text": "Every effort moves you."}\n' * 9
STREAMS: dict[str, Callable[[], dict[str, Any]]] = {
    "a text": lambda: {"data": TEXT, "content_type": "text/plain", "query_string": {"name": "mine"}},
    "documents": lambda: {
        "data": LINES, "content_type": "application/x-ndjson", "query_string": {"name": "mine"}
    },
    "a form": lambda: {"data": {"file": (BytesIO(TEXT), "mine.txt")}},
}  # fmt: skip


@pytest.mark.parametrize("upload", STREAMS.values(), ids=STREAMS.keys())
def test_a_text_that_is_sent_again_as_a_stream_gets_its_first_answer(
    client: FlaskClient, database: Database, upload: Callable[[], dict[str, Any]]
) -> None:
    def send(**other: Any) -> TestResponse:
        return client.post("/datasets", **{**upload(), **other}, headers={"Idempotency-Key": KEY})

    first, again = send(), send()
    assert first.status_code == 201, first.data
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    others: list[dict[str, Any]] = [
        {"query_string": {"name": "other"}},
        {"data": TEXT + b"!", "content_type": "text/plain", "query_string": {"name": "mine"}},
        {"data": {"file": (BytesIO(TEXT), "mine.jsonl")}, "content_type": "multipart/form-data"},
    ]
    assert [send(**other).status_code for other in others] == [409] * 3
    assert client.post("/datasets", **upload()).status_code == 200
    assert count(database, Dataset) == 1


def test_a_text_that_was_refused_is_taken_under_the_same_key(client: FlaskClient, database: Database) -> None:
    options: dict[str, Any] = {"content_type": "text/plain", "headers": {"Idempotency-Key": KEY}}
    assert client.post("/datasets?name=a", data=b"caf\xe9 " * 9, **options).status_code == 422
    assert client.post("/datasets?name=a", data=TEXT, **options).status_code == 201
    assert count(database, Dataset) == 1


def test_a_model_that_is_sent_again_gets_its_first_answer_in_whatever_order_its_files_come(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    files = {"model.safetensors": b"\x02" + bytes(7) + b"{}", "config.json": b"{}"}

    def send(names: Iterable[str], query: str = "", **changed: bytes) -> TestResponse:
        contents = {**files, **changed}
        parts = {"file": [(BytesIO(contents[name]), name) for name in names]}
        return client.post(f"/models{query}", data=parts, headers={"Idempotency-Key": KEY})

    first, again = send(files), send(reversed(files))
    assert first.status_code == 202, first.data
    assert (again.status_code, again.data) == (202, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert send(files, "?name=other").status_code == 409
    assert send(files, **{"config.json": b"{ }"}).status_code == 409
    assert send(["config.json"]).status_code == 409
    assert count(database, ImportedModel) == 1
    assert len(list(models_directory(settings.artifacts).iterdir())) == 1


def test_a_fork_is_made_once(client: FlaskClient, database: Database, settings: Settings) -> None:
    parent = running_job(database, settings)
    stored_checkpoint(database, settings, parent, 3, b"weights")
    asked = {"with_optimizer": False}
    first = post(client, asked, path=f"/jobs/{parent.id}/fork")
    assert first.status_code == 201, first.get_json()
    again = post(client, asked, path=f"/jobs/{parent.id}/fork")
    assert (again.status_code, again.data) == (201, first.data)
    assert count(database) == 2


def test_a_tokenizer_is_asked_for_once(client: FlaskClient, database: Database) -> None:
    asked = {"name": "mine", "dataset": "sample", "vocab_size": 300}
    first = post(client, asked, path="/tokenizers")
    again = post(client, asked, path="/tokenizers")
    assert (again.status_code, again.data) == (202, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert count(database, TrainedTokenizer) == 1


def test_a_text_in_json_gets_its_first_answer_again(client: FlaskClient, database: Database) -> None:
    asked = {"name": "mine", "text": "Every effort moves you. " * 9}
    first = post(client, asked, path="/datasets")
    again = post(client, asked, path="/datasets")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert post(client, asked, None, path="/datasets").status_code == 200
    assert post(client, {**asked, "name": "other"}, path="/datasets").status_code == 409
    assert count(database, Dataset) == 1


def test_thirty_two_requests_at_once_with_one_key_make_one_job(
    client: FlaskClient, database: Database
) -> None:
    answers: list[TestResponse] = []
    begin = threading.Barrier(32)

    def ask() -> None:
        own = client.application.test_client()
        begin.wait()
        answers.append(post(own, TINY))

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 32
    assert len({answer.data for answer in answers}) == 1
    assert len([answer for answer in answers if "Idempotent-Replayed" not in answer.headers]) == 1
    assert count(database) == 1


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process dies, so to speak, once everything is stored and before the transaction commits."""

    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("api.http.idempotency.keep_answer", die)
        yield


def test_what_dies_before_its_answer_is_stored_has_stored_no_job(
    client: FlaskClient, database: Database, crashing: None
) -> None:
    assert post(client, TINY).status_code == 500
    assert (count(database), count(database, IdempotentAnswer)) == (0, 0)


def test_a_job_whose_answer_was_lost_after_its_commit_is_not_made_again(
    client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(submission, "publish_if_possible", die)  # what comes right after the commit
        assert post(client, TINY).status_code == 500
    again = post(client, TINY)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert count(database) == 1
    assert client.get(again.headers["Location"]).get_json()["id"] == again.get_json()["id"]


def age(database: Database, age_s: float) -> None:
    with database.write() as session:
        session.execute(update(IdempotentAnswer).values(created_at=now_s() - age_s))


def test_after_a_day_a_key_is_free_again(client: FlaskClient, database: Database) -> None:
    first = post(client, TINY)
    age(database, KEPT_S - 60)
    assert post(client, TINY).data == first.data
    age(database, KEPT_S + 60)
    later = post(client, {**TINY, "name": "another"})
    assert (later.status_code, later.get_json()["name"]) == (201, "another")
    assert count(database) == 2
    assert count(database, IdempotentAnswer) == 1


def test_old_answers_are_forgotten(client: FlaskClient, database: Database) -> None:
    post(client, TINY)
    age(database, KEPT_S + 60)
    post(client, TINY, "newer")
    with database.write() as session:
        forget_old_answers(session)
    assert count(database, IdempotentAnswer) == 1
    assert post(client, TINY, "newer").headers["Idempotent-Replayed"] == "true"
