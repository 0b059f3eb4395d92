"""Bad input and its answer, row by row: the status, a word of the reason, and nothing left behind.

Every kind is tested closer at its own place too. A body shorter than it says and malformed chunks never
come as far as the application: see `tests/api/server/test_connection.py` and `test_body_stream.py`.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from jobs.broker.queue import PREPARE_QUEUE, TRAIN_QUEUE
from jobs.files.datasets import store_dataset
from jobs.settings import Settings
from jobs.store.database import Database, now_s
from jobs.store.tables import Table, Token
from jobs.store.tokens import create_token, revoke_token
from jobs.store.viewers import Right, Viewer, viewed_by
from tests.api.callers import caller, with_token
from tests.api.conftest import Serve
from tests.jobs.making import TINY, announce_worker, queued_job
from tests.jobs.messages import messages

pytestmark = pytest.mark.sqlite_will_do

JSON = "application/json"


@dataclass(frozen=True)
class Row:
    """What is asked wrongly, and what the answer must say."""

    status: int
    says: str
    method: str = "POST"
    path: str = "/jobs"
    body: Any = None
    """Bytes as they are, anything else as JSON."""
    content_type: str = JSON
    caller: str = "ana"
    key: str | None = None
    max_stored_bytes: int = 0


def spec(**fields: Any) -> dict[str, Any]:
    return {**TINY, **fields}


def raw(text: str) -> bytes:
    return text.encode()


ROWS = {
    "malformed JSON": Row(400, "not JSON", body=b'{"name": '),
    "an empty body": Row(400, "empty", body=b""),
    "bad UTF-8": Row(400, "UTF-8", body=b'{"name": "\xff"}'),
    "NaN": Row(400, "NaN", body=raw('{"training": {"learning_rate": NaN}}')),
    "Infinity": Row(400, "Infinity", body=raw('{"training": {"learning_rate": Infinity}}')),
    "a name twice": Row(400, "'name'", body=raw('{"name": "a", "name": "b"}')),
    "33 levels": Row(400, "32 levels", body=raw('{"metadata": ' + "[" * 32 + "]" * 32 + "}")),
    "an integer of 5,000 digits": Row(400, "5,000 digits", body=raw('{"priority": ' + "9" * 5000 + "}")),
    "a bad cursor": Row(400, "after: no job", "GET", "/jobs?after=nothing"),
    "an array": Row(422, "must be a JSON object", body=[]),
    "an unknown field": Row(422, "unknown field", body=spec(modle={})),
    "an unknown parameter": Row(422, "unknown field", "GET", "/jobs?nobody=1"),
    "a boolean for an integer": Row(422, "must be an integer", body=spec(priority=True)),
    "a text for an integer": Row(422, "must be an integer", body=spec(training={"num_epochs": "10"})),
    "no steps": Row(422, "must be at least 1", body=spec(training={"max_steps": 0})),
    "no epochs": Row(422, "must be at least 1", body=spec(training={"num_epochs": 0})),
    "heads that do not divide the width": Row(422, "multiple of", body=spec(model={"emb_dim": 65})),
    "a rate of zero": Row(422, "greater than 0", body=spec(training={"learning_rate": 0})),
    "an integer past 2^63": Row(422, "at most", body=spec(training={"seed": 2**63})),
    "NUL in a text": Row(422, "NUL", body=spec(name="a\0b")),
    "a lone surrogate": Row(422, "surrogate", body=raw('{"name": "\\ud800"}')),
    "a limit of a billion": Row(422, "at most 1,000", "GET", "/jobs?limit=1000000000"),
    "what the service sets": Row(422, "unknown field", body=spec(status="succeeded", id="job-1")),
    "a context longer than the training text": Row(
        422, "training and", body=spec(model={"context_length": 100_000})
    ),
    "a context longer than the validation text": Row(
        422, "to validate on", body=spec(tokenizer="bytes", validation_dataset="SHORT")
    ),
    "a model that no worker has the memory for": Row(
        422, "parameters need about", body={"preset": "gpt2-xl", "dataset": "sample"}
    ),
    "more steps than the limit": Row(
        422, "the limit is", body=spec(training={"max_steps": 1_001, "num_epochs": 99})
    ),
    "more samples than the limit": Row(422, "the limit is", body=spec(sampling={"every_steps": 1})),
    "an unknown data set": Row(422, "unknown; a built-in one", body=spec(dataset="dataset-0")),
    "an empty text": Row(422, "empty", path="/datasets", body={"name": "none", "text": ""}),
    "a text that is not UTF-8": Row(
        422, "UTF-8", path="/datasets?name=mine", body=b"caf\xe9 " * 9, content_type="text/plain"
    ),
    "no token": Row(401, "token", "GET", caller="nobody"),
    "what is no token": Row(401, "malformed", "GET", caller="pt_1"),
    "an expired token": Row(401, "expired", "GET", caller="expired"),
    "a revoked token": Row(401, "revoked", "GET", caller="revoked"),
    "a scope that is too small": Row(403, "write", body=spec(), caller="reader"),
    "an unknown id": Row(404, "no job", "GET", "/jobs/job-0"),
    "another owner's job": Row(404, "no job", "GET", "/jobs/BENS"),
    "another owner's job, to change it": Row(404, "no job", "DELETE", "/jobs/BENS"),
    "a method that is not possible": Row(405, "possible", "PUT"),
    "the wrong state": Row(409, "queued", path="/jobs/ANAS/pause", method="POST"),
    "a key of another request": Row(409, "Idempotency-Key", body=spec(name="other"), key="used"),
    "too large a body": Row(413, "1,048,576", body=b'{"name": "' + b"a" * 2**20 + b'"}'),
    "another kind of body": Row(415, "application/json", body=b"{}", content_type="text/plain"),
    "too many jobs in the queue": Row(429, "PRETRAIN_MAX_QUEUED_JOBS", body=spec()),
    "more bytes than an owner may store": Row(
        507,
        "PRETRAIN_MAX_STORED_BYTES",
        path="/datasets",
        body={"name": "long", "text": "boats " * 2_000},
        max_stored_bytes=10_000,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_bad_input_gets_its_status_and_a_reason_and_leaves_nothing_behind(
    serve: Serve, database: Database, settings: Settings, caplog: pytest.LogCaptureFixture, row: Row
) -> None:
    limits = {"max_steps": 1_000, "max_samples": 100, "max_queued_jobs": 1 if row.status == 429 else 0}
    limits["max_stored_bytes"] = row.max_stored_bytes
    client = serve(settings.model_copy(update={**limits, "lease_s": 3600.0}))
    announce_worker(database, TRAIN_QUEUE, memory_bytes=2**31)
    callers = callers_of(client, database)
    ids = {}
    for owner in ("ana", "ben"):
        with viewed_by(Viewer(Right.WRITE, owner)):
            ids[f"{owner.upper()}S"] = queued_job(database, settings).id
    ids["SHORT"] = store_dataset(database, settings, "short", b"boats")[0].id
    with database.write() as session:
        session.execute(Table.metadata.tables["datasets"].update().values(shared=True))
    if row.key is not None:
        first = callers["ana"].post("/jobs", json=spec(), headers={"Idempotency-Key": row.key})
        assert first.status_code == 201
    before, published = row_counts(database), published_messages(settings)
    response = ask(callers.get(row.caller) or with_token(client, row.caller), row, ids)
    assert response.status_code == row.status, response.get_data(as_text=True)
    problem = json.loads(response.data)
    reasons = [problem["detail"], *(error["message"] for error in problem.get("errors", []))]
    assert any(row.says in reason for reason in reasons), reasons
    assert response.content_type == "application/problem+json"
    assert ("Retry-After" in response.headers) is (row.status == 429)
    assert "Traceback" not in response.get_data(as_text=True)
    assert not [record for record in caplog.records if record.exc_info], "nothing went wrong in the service"
    assert row_counts(database) == before
    assert published_messages(settings) == published


def callers_of(client: FlaskClient, database: Database) -> dict[str, FlaskClient]:
    with database.write() as session:
        expired, expired_text = create_token(session, "late", Right.READ)
        revoked, revoked_text = create_token(session, "gone", Right.READ)
        session.execute(
            Table.metadata.tables["tokens"]
            .update()
            .where(Token.id == expired.id)
            .values(expires_at=now_s() - 1)
        )
        revoke_token(session, revoked.id)
    return {
        "ana": caller(client, "ana"),
        "reader": caller(client, "ana", Right.READ),
        "expired": with_token(client, expired_text),
        "revoked": with_token(client, revoked_text),
        "nobody": client,
    }


def ask(client: FlaskClient, row: Row, ids: dict[str, str]) -> Any:
    path, body = row.path, row.body
    for name, value in ids.items():
        path = path.replace(name, value)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body)
        for name, value in ids.items():
            body = body.replace(name, value)
    headers = {} if row.key is None else {"Idempotency-Key": row.key}
    kind = None if body is None else row.content_type
    return client.open(path, method=row.method, data=body, content_type=kind, headers=headers)


def row_counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Table.metadata.tables.values()
        }


def published_messages(settings: Settings) -> tuple[int, int]:
    return messages(settings), messages(settings, PREPARE_QUEUE)
