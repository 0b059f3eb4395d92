"""No number that the API writes is NaN or infinite, whatever lies in the database."""

import csv
import io
import json
import math
import types
from typing import Any, Union, get_args, get_origin

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Double, text, update

from api.app import create_app
from api.records.record import Listing, Record, json_response, list_response
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import record_event
from jobs.store.tables import Checkpoint, Dataset, Evaluation, Event, Job, Sample, Table, Worker
from tests.api.seeds import checkpoint, evaluate, sample
from tests.jobs.making import announce_worker, running_job

WRONG = [math.inf, -math.inf, math.nan]


def strictly(body: str) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(body, parse_constant=refuse)


def record_types(base: type[Record] = Record) -> list[type[Record]]:
    """Every record but pages, which `Listing[...]` makes of others."""
    return [
        record
        for kind in base.__subclasses__()
        if not issubclass(kind, Listing)
        for record in [kind, *record_types(kind)]
    ]


def filled(annotation: Any, number: float) -> Any:
    """A value of that type in which every number with a fraction is `number`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return filled(next(kind for kind in arguments if kind is not type(None)), number)
    if origin is not None and hasattr(annotation, "__metadata__"):
        return filled(arguments[0], number)
    if origin is list:
        return [filled(arguments[0], number)]
    if origin is dict:
        return {"number": number, "deeper": [{"number": number}]}
    if annotation is float:
        return number
    if isinstance(annotation, type) and issubclass(annotation, Record):
        members = {name: filled(field.annotation, number) for name, field in annotation.model_fields.items()}
        return annotation.model_construct(**members)
    return None if not isinstance(annotation, type) else {int: 1, bool: True}.get(annotation, "a")


def numbers_left(original: Any, written: Any, where: str = "") -> list[str]:
    """Paths of what was not finite and has not become null."""
    if isinstance(original, Record):
        original = dict(original)
    if isinstance(original, dict):
        return [
            path
            for name in original
            for path in numbers_left(original[name], written[name], f"{where}.{name}")
        ]
    if isinstance(original, list):
        return [
            path for pair in zip(original, written, strict=True) for path in numbers_left(*pair, f"{where}[]")
        ]
    return [where] if isinstance(original, float) and written is not None else []


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data"), redis_url="redis://127.0.0.1:1/0"))


@pytest.mark.parametrize("number", WRONG)
@pytest.mark.parametrize("kind", record_types(), ids=lambda kind: kind.__name__)
@pytest.mark.filterwarnings(
    "ignore:Pydantic serializer warnings"
)  # the made values have the numbers right only
def test_every_record_is_strict_json_with_null_for_what_is_not_finite(
    app: Flask, kind: type[Record], number: float
) -> None:
    record = filled(kind, number)
    with app.test_request_context():
        assert numbers_left(record, strictly(json_response(record).get_data(as_text=True))) == []
        page = strictly(list_response([record]).get_data(as_text=True))
    assert numbers_left([record], page["data"]) == []


def test_the_walk_has_met_numbers_in_objects_lists_and_times() -> None:
    names = {kind.__name__ for kind in record_types()}
    assert {"JobRecord", "ProgressRecord", "LossRecord", "EventRecord", "GenerationRecord"} <= names
    assert numbers_left([{"a": 1.5, "b": [2.5]}], [{"a": None, "b": [2.5]}]) == ["[].b[]"]


def spoil(database: Database, table: type[Table], number: float) -> None:
    """Store `number` in every column of that table that holds numbers with a fraction."""
    columns = [column for column in table.__table__.columns if isinstance(column.type, Double)]
    with database.write() as session:
        session.execute(update(table).values({column.name: number for column in columns}))


@pytest.mark.parametrize("number", [math.inf, -math.inf])  # SQLite stores NaN as null itself
def test_rows_with_infinite_numbers_are_answered_with_null(
    client: FlaskClient, database: Database, settings: Settings, number: float
) -> None:
    job = running_job(database, settings)
    evaluate(database, job, count=2)
    sample(database, job, step=5)
    checkpoint(database, job, step=6)
    worker = announce_worker(database, "train")
    with database.write() as session:
        record_event(session, job.id, 1, "early_stop", {"best_val_loss": number})
        if database.url.get_backend_name() == "sqlite":  # PostgreSQL's JSON is strict itself
            old = text("UPDATE events SET data = '{\"best_val_loss\": -Infinity}' WHERE type = 'early_stop'")
            session.execute(old)
    for table in (Job, Evaluation, Sample, Checkpoint, Event, Dataset, Worker):
        spoil(database, table, number)

    shown = strictly(client.get(f"/jobs/{job.id}").text)
    assert (shown["progress"]["tokens_per_s"], shown["progress"]["remaining_s"]) == (None, None)
    assert shown["latest"] == {"train_loss": None, "val_loss": None, "val_bpb": None, "step": 5}
    assert shown["created_at"] is None
    assert strictly(client.get("/jobs").text)["data"] == [shown]
    losses = strictly(client.get(f"/jobs/{job.id}/losses?max_points=6").text)["data"]
    gone = [column.name for column in Evaluation.__table__.columns if isinstance(column.type, Double)]
    assert [losses[0][name] for name in gone] == [None] * len(gone)
    rows = list(csv.DictReader(io.StringIO(client.get(f"/jobs/{job.id}/losses?format=csv").text)))
    assert [row[name] for row in rows for name in gone] == [""] * 2 * len(gone)
    assert strictly(client.get(f"/jobs/{job.id}/samples").text)["data"][0]["recorded_at"] is None
    assert strictly(client.get(f"/jobs/{job.id}/checkpoints").text)["data"][0]["val_loss"] is None
    events = strictly(client.get(f"/jobs/{job.id}/events").text)["data"]
    assert events[-1]["data"] == {"best_val_loss": None}
    assert any(row["created_at"] is None for row in strictly(client.get("/datasets").text)["data"])
    assert [
        row["heard_at"] for row in strictly(client.get("/workers").text)["data"] if row["id"] == worker
    ] == [None]
    for image in ("png", "svg"):
        assert client.get(f"/jobs/{job.id}/losses.{image}").status_code == 200


@pytest.mark.parametrize("query", ["temperature=1e999", "top_p=-1e999"])
def test_a_problem_quotes_what_is_not_finite_as_null(bare_client: FlaskClient, query: str) -> None:
    answered = bare_client.get(f"/generate?{query}")
    assert answered.status_code == 422
    (error,) = strictly(answered.text)["errors"]
    assert error["value"] is None
