"""GET /audit, and what stands in it."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from api.services import EXTENSION
from jobs.store.audit import Audited, audited, forget_old_entries, list_entries
from jobs.store.database import Database, now_s
from jobs.store.tables import AuditEntry, Token
from jobs.store.tokens import create_first_token, create_token
from jobs.store.viewers import Right
from tests.api.callers import caller, token_text

TEXT = "Every effort moves you. " * 50


def entries_of(admin: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    response = admin.get(f"/audit{query}")
    assert response.status_code == 200
    entries: list[dict[str, Any]] = response.get_json()["data"]
    return entries


def test_each_change_is_told_with_who_made_it_and_what_it_was(client: FlaskClient) -> None:
    admin, ana = caller(client, "root", Right.ADMIN), caller(client, "ana")
    made = ana.post("/datasets", json={"name": "n", "text": TEXT}, headers={"X-Request-ID": "r-1"})
    assert made.status_code == 201
    dataset_id = made.get_json()["id"]
    assert admin.delete(f"/datasets/{dataset_id}").status_code == 204
    deletion, post = entries_of(admin)
    assert (post["action"], post["ids"], post["status"]) == ("POST /datasets", [dataset_id], 201)
    assert (post["token_name"], post["owner"], post["request_id"]) == ("ana", "ana", "r-1")
    assert post["token_id"].startswith("token-")
    assert (deletion["action"], deletion["ids"]) == ("DELETE /datasets/<dataset_id>", [dataset_id])
    assert (deletion["token_name"], deletion["status"]) == ("root", 204)


def test_a_request_that_commits_more_than_once_has_one_entry_with_all_ids(client: FlaskClient) -> None:
    posted = client.post("/jobs", json={"preset": "tiny", "dataset": "sample", "tokenizer": "bytes"})
    assert posted.status_code == 201
    [entry] = entries_of(client)
    assert (entry["action"], entry["status"]) == ("POST /jobs", 201)
    assert set(entry["ids"]) == {"sample", posted.get_json()["id"]}


def test_what_is_refused_or_only_read_has_no_entry(client: FlaskClient) -> None:
    admin, reader = caller(client, "root", Right.ADMIN), caller(client, "bea", Right.READ)
    assert reader.post("/jobs", json={}).status_code == 403
    assert admin.post("/jobs", json={"nobody": 1}).status_code == 422
    assert admin.post("/jobs/none/cancel").status_code == 404
    assert admin.delete("/tokens/token-0").status_code == 404
    assert reader.get("/jobs").status_code == 200
    assert client.post("/session", json={"token": "sk-1"}).status_code == 401
    assert entries_of(admin) == []


def test_signing_in_and_out_is_told_of_whoever_has_the_token(client: FlaskClient) -> None:
    browser = client.application.test_client()
    assert browser.post("/session", json={"token": token_text(client, "ana")}).status_code == 201
    admin = caller(client, "root", Right.ADMIN)
    assert admin.get("/jobs").status_code == 200  # the thread answers somebody else between
    assert browser.delete("/session", headers={"X-Requested-With": "pretrain"}).status_code == 204
    told = [(entry["action"], entry["token_name"], entry["status"]) for entry in entries_of(admin)]
    assert told == [("DELETE /session", "ana", 204), ("POST /session", "ana", 201)]


def test_an_answer_with_another_status_than_the_route_declares_is_told_as_it_was(client: FlaskClient) -> None:
    for status in (201, 200):
        assert client.post("/datasets", json={"name": "n", "text": TEXT}).status_code == status
    assert [entry["status"] for entry in entries_of(client)] == [200, 201]


def test_a_status_that_can_not_be_corrected_loses_no_answer_and_is_logged(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("UPDATE audit", {}, Exception("the database is away"))

    assert client.post("/datasets", json={"name": "n", "text": TEXT}).status_code == 201
    monkeypatch.setattr("api.http.audit.correct_status", fail)
    assert client.post("/datasets", json={"name": "n", "text": TEXT}).status_code == 200
    assert "the audit's entry" in caplog.text
    assert [entry["status"] for entry in entries_of(client)] == [201, 201]


def test_what_can_not_be_recorded_is_not_done(client: FlaskClient, database: Database) -> None:
    admin = caller(client, "root", Right.ADMIN)
    engine = client.application.extensions[EXTENSION].database.engine

    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO audit"):
            raise OperationalError(statement, {}, Exception("away"))

    event.listen(engine, "before_cursor_execute", fail)
    assert admin.post("/tokens", json={"name": "ci"}).status_code == 503
    event.remove(engine, "before_cursor_execute", fail)
    with database.read() as session:
        assert [token.name for token in session.query(Token)] == ["root"]


def test_the_list_is_the_newest_first_by_pages_and_from_a_time_on(
    client: FlaskClient, database: Database
) -> None:
    admin = caller(client, "root", Right.ADMIN)
    for number in range(5):
        assert admin.post("/tokens", json={"name": f"t{number}"}).status_code == 201
    every = [entry["id"] for entry in entries_of(admin)]
    assert every == sorted(every, key=int, reverse=True)
    pages, after = [], ""
    while page := entries_of(admin, f"?limit=2{after}"):
        pages += [entry["id"] for entry in page]
        after = f"&after={page[-1]['id']}"
    assert pages == every
    with database.write() as session:
        session.execute(update(AuditEntry).where(AuditEntry.id == int(every[-1])).values(created_at=1.0))
    assert [entry["id"] for entry in entries_of(admin, "?since=1971-01-01T00:00:00Z")] == every[:-1]
    assert entries_of(admin, "?since=2999-01-01T00:00:00%2B01:00") == []


@pytest.mark.parametrize("since", ["yesterday", "2026-11-29", "2026-11-29T04:00:00"])
def test_a_time_must_say_its_offset(client: FlaskClient, since: str) -> None:
    response = client.get(f"/audit?since={since}")
    assert response.status_code == 422
    [error] = response.get_json(force=True)["errors"]
    assert (error["field"], error["value"]) == ("since", since)
    assert "such as 2026-11-29T04:00:00Z" in error["message"]


def test_it_is_for_administrators_alone(client: FlaskClient) -> None:
    assert caller(client).get("/audit").status_code == 403
    assert client.get("/audit").status_code == 401


def test_commands_in_the_database_are_told_of_and_those_that_do_nothing_are_not(database: Database) -> None:
    with audited(Audited("python -m api")), database.write() as session:
        first = create_first_token(session)
    assert first is not None
    with audited(Audited("python -m api")), database.write() as session:
        assert create_first_token(session) is None
    with database.write() as session:  # and nothing behind the block
        create_token(session, "ana", Right.READ)
    with database.read() as session:
        [entry], has_more = list_entries(session, limit=10)
    assert (entry.action, entry.ids, entry.status, has_more) == ("python -m api", [first[0].id], None, False)


def test_a_transaction_that_rolls_back_leaves_no_entry_and_the_next_one_does(database: Database) -> None:
    with audited(Audited("POST /tokens", (), "r-1", 201)):
        with database.write() as session:
            create_token(session, "lost", Right.READ)
            session.rollback()
        with database.write() as session:
            kept = create_token(session, "kept", Right.READ)[0].id
    with database.read() as session:
        assert [entry.ids for entry in list_entries(session, limit=10)[0]] == [[kept]]


def test_old_entries_are_deleted(database: Database) -> None:
    for number in range(2):
        with audited(Audited(f"command {number}")), database.write() as session:
            create_token(session, "ana", Right.READ)
    with database.write() as session:
        old = AuditEntry.action == "command 0"
        session.execute(update(AuditEntry).where(old).values(created_at=now_s() - 100))
        forget_old_entries(session, min_age_s=60)
    with database.read() as session:
        assert [entry.action for entry in list_entries(session, limit=10)[0]] == ["command 1"]
