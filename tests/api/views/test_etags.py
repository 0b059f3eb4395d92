"""ETag and If-None-Match on GET /jobs/<id>, /losses and /samples"""

import json
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text, update
from werkzeug.test import TestResponse

from jobs.lifecycle.attempts import end
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import Evaluation, Job, Sample
from tests.api.conftest import Serve
from tests.api.seeds import checkpoint, evaluate, sample
from tests.jobs.making import announce_worker, queued_job, running_job

PARTS = ["", "/losses", "/losses?max_points=6", "/losses?format=csv", "/samples"]


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    job = running_job(database, settings)
    evaluate(database, job, count=20)
    sample(database, job, step=5)
    return job


def ask(client: FlaskClient, path: str, etag: str | None = None) -> TestResponse:
    return client.get(path, headers={} if etag is None else {"If-None-Match": etag})


@pytest.mark.parametrize("part", PARTS)
def test_what_the_client_has_already_is_not_sent_again(client: FlaskClient, job: Job, part: str) -> None:
    path = f"/jobs/{job.id}{part}"
    first = ask(client, path)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    for given in (etag, f'"another", {etag}', "*", etag.removeprefix("W/")):
        again = ask(client, path, given)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "no-cache"
        assert again.headers.get("Vary") == first.headers.get("Vary")
        assert "Content-Type" not in again.headers
    other = ask(client, path, '"another"')
    assert (other.status_code, other.data, other.headers["ETag"]) == (200, first.data, etag)


def test_losses_as_json_and_as_csv_have_different_tags(client: FlaskClient, job: Job) -> None:
    path = f"/jobs/{job.id}/losses"
    etag = ask(client, path).headers["ETag"]
    answer = client.get(path, headers={"Accept": "text/csv", "If-None-Match": etag})
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    assert "Accept" in answer.vary


INSERTED_BY_HAND = """
    INSERT INTO evaluations (job_id, step, epoch, tokens_seen, train_loss, val_loss, learning_rate,
                             recorded_at)
    SELECT job_id, 1, 1, 1, 0.25, 99.0, 0.1, 0.0 FROM evaluations WHERE step = 0
"""
CHANGES = {
    "": [
        "UPDATE jobs SET name = 'other'",
        "UPDATE checkpoints SET bytes = bytes + 1",
        "DELETE FROM checkpoints",
    ],
    "/losses": [
        "UPDATE evaluations SET train_loss = 0.5 WHERE step = 0",
        "DELETE FROM evaluations WHERE step = 0",
        INSERTED_BY_HAND,
        "DELETE FROM evaluations",
    ],
    "/samples": ["UPDATE samples SET text = 'else'", "DELETE FROM samples"],
}


@pytest.mark.parametrize(
    ("part", "statement"),
    [
        (part, statement)
        for part in PARTS
        for statement in CHANGES["/losses" if part.startswith("/losses") else part]
    ],
)
def test_what_is_changed_by_hand_in_the_database_is_seen_at_once(
    client: FlaskClient, database: Database, job: Job, part: str, statement: str
) -> None:
    checkpoint(database, job, step=6)
    path = f"/jobs/{job.id}{part}"
    before = ask(client, path)
    with database.write() as session:
        session.execute(text(statement))
    after = ask(client, path, before.headers["ETag"])
    assert after.status_code == 200
    assert after.data != before.data
    assert after.headers["ETag"] != before.headers["ETag"]


def test_what_one_job_does_changes_no_tag_of_another(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    tags = {part: ask(client, f"/jobs/{job.id}{part}").headers["ETag"] for part in PARTS}
    other = running_job(database, settings)
    evaluate(database, other, count=2)
    sample(database, other, step=5)
    for part, etag in tags.items():
        assert ask(client, f"/jobs/{job.id}{part}", etag).status_code == 304


def test_a_transaction_that_is_rolled_back_changes_nothing(
    client: FlaskClient, database: Database, job: Job
) -> None:
    path = f"/jobs/{job.id}/losses"
    etag = ask(client, path).headers["ETag"]
    with database.write() as session:
        session.execute(update(Evaluation).values(train_loss=0.0))
        session.rollback()
    assert ask(client, path, etag).status_code == 304
    with database.write() as session:
        session.execute(update(Evaluation).values(train_loss=0.5))
    answer = ask(client, path, etag)
    assert (answer.status_code, answer.get_json()["data"][0]["train_loss"]) == (200, 0.5)


def test_what_a_queued_job_waits_for_is_part_of_its_tag(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    path = f"/jobs/{job.id}"
    etag = ask(client, path).headers["ETag"]
    assert ask(client, path, etag).status_code == 304
    announce_worker(database, "train")
    answer = ask(client, path, etag)
    assert (answer.status_code, answer.get_json()["waiting_for"]) == (200, None)
    queued_job(database, settings, priority=9)
    answer = ask(client, path, answer.headers["ETag"])
    assert (answer.status_code, answer.get_json()["queue_position"]) == (200, 2)


@pytest.mark.parametrize(("if_match", "times"), [(None, 1), ("*", 2)])
def test_what_a_queued_job_waits_for_is_found_once_when_it_is_changed_and_once_before_if_it_must_match(
    client: FlaskClient, database: Database, settings: Settings, if_match: str | None, times: int
) -> None:
    job = queued_job(database, settings)
    asked: list[str] = []
    engine = client.application.extensions["pretrain"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    headers = {} if if_match is None else {"If-Match": if_match}
    changed = client.patch(f"/jobs/{job.id}", json={"notes": "mine"}, headers=headers)
    assert changed.status_code == 200
    assert sum("FROM workers" in statement for statement in asked) == times


@pytest.mark.parametrize("part", PARTS)
def test_a_304_reads_no_rows_of_a_jobs_history(
    client: FlaskClient, database: Database, job: Job, part: str
) -> None:
    path = f"/jobs/{job.id}{part}"
    etag = ask(client, path).headers["ETag"]
    asked: list[str] = []
    engine = client.application.extensions["pretrain"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert ask(client, path, etag).status_code == 304
    assert asked, "the version is read"
    assert not [statement for statement in asked if "evaluations" in statement or "FROM samples" in statement]


def test_the_tag_is_another_ones_after_the_job_was_deleted(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    etags = {part: ask(client, f"/jobs/{job.id}{part}").headers["ETag"] for part in PARTS}
    with database.write() as session:
        end(session, job.id, job.attempt, Status.CANCELLED)
    assert client.delete(f"/jobs/{job.id}").status_code == 204
    for part, etag in etags.items():
        assert ask(client, f"/jobs/{job.id}{part}", etag).status_code == 404


def test_a_job_whose_version_is_lost_is_shown_all_the_same(
    client: FlaskClient, database: Database, job: Job
) -> None:
    with database.write() as session:
        session.execute(text("DELETE FROM job_versions"))
    for part in PARTS:
        first = ask(client, f"/jobs/{job.id}{part}")
        assert first.status_code == 200
        assert ask(client, f"/jobs/{job.id}{part}", first.headers["ETag"]).status_code == 200


def test_of_two_services_on_one_database_each_sees_what_the_other_has_not(
    client: FlaskClient, serve: Serve, settings: Settings, database: Database, job: Job
) -> None:
    other = serve(settings)
    path = f"/jobs/{job.id}/losses?max_points=6"
    etag = ask(client, path).headers["ETag"]
    assert ask(other, path, etag).status_code == 304
    with database.write() as session:
        session.execute(update(Evaluation).where(Evaluation.step == 50).values(val_loss=77.0))
    rows = [ask(each, path, etag).get_json()["data"] for each in (client, other)]
    assert rows[0] == rows[1]
    assert max(row["val_loss"] for row in rows[0]) == 77.0


def test_under_concurrent_writes_a_tag_never_stands_for_something_older(
    client: FlaskClient, database: Database, job: Job
) -> None:
    """Once writing has ended, whoever is told that nothing has changed has the last state."""
    paths = [f"/jobs/{job.id}{part}" for part in PARTS]
    done = threading.Event()
    seen: dict[str, dict[str, Any]] = {path: {} for path in paths}

    def read() -> None:
        reader = client.application.test_client()
        while not done.is_set():
            for path in paths:
                answer = ask(reader, path)
                seen[path][answer.headers["ETag"]] = answer.data

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for index in range(20):
        with database.write() as session:
            session.execute(update(Job).values(tokens_per_s=float(index)))
            session.execute(update(Evaluation).where(Evaluation.step == 5).values(val_loss=float(index)))
            session.execute(update(Sample).values(text=f"text {index}"))
    done.set()
    for reader in readers:
        reader.join()
    for path in paths:
        last = ask(client, path)
        assert ask(client, path, last.headers["ETag"]).status_code == 304
        for etag, data in seen[path].items():
            answer = ask(client, path, etag)
            if answer.status_code == 304:
                assert data == last.data


def test_a_page_of_losses_has_the_bytes_of_its_records(client: FlaskClient, job: Job) -> None:
    body = ask(client, f"/jobs/{job.id}/losses?limit=7").data
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode() + b"\n"
    assert [row["grad_norm"] for row in json.loads(body)["data"]] == [None] * 7
    assert json.loads(body)["has_more"] is True
