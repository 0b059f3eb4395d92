"""Lists whose entries have ids: pages go on where the one before ended, whatever comes and goes meanwhile."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import ColumnElement, delete, select, tuple_

from jobs.files.builtin_datasets import BUILTINS
from jobs.files.datasets import store_dataset
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.history import record_sample
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.ids import sample_id, sample_place
from jobs.store.imported_models import insert_model
from jobs.store.tables import (
    Checkpoint,
    Dataset,
    ImportedModel,
    Job,
    Sample,
    Table,
    TrainedTokenizer,
    Webhook,
    Worker,
)
from jobs.store.webhooks import add_webhook
from tests.jobs.making import announce_worker, asked_tokenizer, queued_job, running_job

Make = Callable[[int], str]
"""Makes an entry; its id."""


class Entries:
    """A list, and how entries come and go."""

    def __init__(
        self,
        path: str,
        table: type[Table],
        make: Make,
        newest_first: bool = False,
        first_page_has_whole_steps: bool = False,
    ) -> None:
        self.path = path
        self.table = table
        self.make = make
        self.newest_first = newest_first
        self.first_page_has_whole_steps = first_page_has_whole_steps
        self.made = 0

    def add(self, count: int) -> list[str]:
        self.made += count
        return [self.make(self.made - count + index) for index in range(count)]

    def is_row(self, entry_id: str) -> ColumnElement[bool]:
        if self.table is Sample:
            return tuple_(Sample.step, Sample.index) == sample_place(entry_id)
        is_it: ColumnElement[bool] = self.table.__table__.c.id == entry_id
        return is_it


LISTS = ["jobs", "datasets", "tokenizers", "models", "webhooks", "workers", "checkpoints", "samples"]


@pytest.fixture(params=LISTS)
def entries(request: pytest.FixtureRequest, database: Database, settings: Settings) -> Entries:
    def make_dataset(index: int) -> str:
        return store_dataset(database, settings, f"text {index}", f"text {index}".encode() * 9)[0].id

    def make_model(index: int) -> str:
        with database.write() as session:
            return insert_model(session, f"model {index}", 1, f"models/{index}").id

    def make_webhook(index: int) -> str:
        with database.write() as session:
            return add_webhook(session, f"https://example.org/{index}", ["alert"], "a secret of its own").id

    def make_worker(index: int) -> str:
        return announce_worker(database, "train", id=f"train-here-{index:03}")

    match request.param:
        case "jobs":
            return Entries("/jobs", Job, lambda _: queued_job(database, settings).id, newest_first=True)
        case "datasets":
            return Entries("/datasets", Dataset, make_dataset)
        case "tokenizers":
            return Entries("/tokenizers", TrainedTokenizer, lambda _: asked_tokenizer(database, settings).id)
        case "models":
            return Entries("/models", ImportedModel, make_model)
        case "webhooks":
            return Entries("/webhooks", Webhook, make_webhook)
        case "workers":
            return Entries("/workers", Worker, make_worker)
    job = running_job(database, settings)

    def make_checkpoint(index: int) -> str:
        row = {
            "step": index + 1, "epoch": 1, "train_loss": 5.0, "val_loss": 6.0, "bytes": 1, "sha256": "0",
            "directory": f"jobs/{job.id}/{index}",
        }  # fmt: skip
        with database.write() as session:
            record_checkpoint(session, job.id, job.attempt, row, keep_last=100, keep_best=1)
            return session.scalars(select(Checkpoint.id).where(Checkpoint.step == index + 1)).one()

    def make_sample(index: int) -> str:
        step, prompt = 8 + index // 3, index % 3
        row = {"step": step, "epoch": 1, "index": prompt, "prompt": "Every", "text": "Every effort"}
        with database.write() as session:
            record_sample(session, job.id, job.attempt, row)
        return sample_id(step, prompt)

    if request.param == "samples":
        return Entries(f"/jobs/{job.id}/samples", Sample, make_sample, first_page_has_whole_steps=True)
    return Entries(f"/jobs/{job.id}/checkpoints", Checkpoint, make_checkpoint)


def page(
    client: FlaskClient, entries: Entries, limit: int, after: str | None = None
) -> tuple[list[str], bool]:
    query = f"limit={limit}" + ("" if after is None else f"&after={after}")
    answer = client.get(f"{entries.path}?{query}")
    assert answer.status_code == 200, answer.get_json()
    listing = answer.get_json()
    return [entry["id"] for entry in listing["data"]], listing["has_more"]


def all_pages(client: FlaskClient, entries: Entries, limit: int, after: str | None = None) -> list[str]:
    ids: list[str] = []
    has_more = True
    while has_more:
        more, has_more = page(client, entries, limit, after)
        has_whole_steps = entries.first_page_has_whole_steps and after is None
        assert len(more) == limit or not has_more or has_whole_steps
        ids += more
        after = ids[-1]
    return ids


def own(ids: list[str]) -> list[str]:
    return [entry_id for entry_id in ids if entry_id not in BUILTINS]


def test_pages_of_any_size_make_the_whole_list(client: FlaskClient, entries: Entries) -> None:
    made = entries.add(7)
    whole, has_more = page(client, entries, 1000)
    assert not has_more
    assert own(whole) == (made[::-1] if entries.newest_first else made)
    for limit in (1, 2, 3, 7, 8, 100):
        assert all_pages(client, entries, limit) == whole
    assert client.get(entries.path).get_json()["has_more"] is False


@pytest.mark.parametrize("entries", [name for name in LISTS if name != "workers"], indirect=True)
def test_a_page_goes_on_behind_an_entry_that_has_gone(
    client: FlaskClient, database: Database, entries: Entries
) -> None:
    made = entries.add(6)
    order = made[::-1] if entries.newest_first else made
    with database.write() as session:
        for gone in (order[1], order[2], order[4]):
            session.execute(delete(entries.table).where(entries.is_row(gone)))
    assert all_pages(client, entries, 2, after=order[2]) == [order[3], order[5]]
    assert own(all_pages(client, entries, 2)) == [order[0], order[3], order[5]]


@pytest.mark.parametrize("entries", ["workers"], indirect=True)
def test_there_is_no_going_on_behind_a_worker_that_has_ended(
    client: FlaskClient, database: Database, entries: Entries
) -> None:
    made = entries.add(3)
    with database.write() as session:
        session.execute(delete(Worker).where(Worker.id == made[0]))
    answer = client.get(f"/workers?after={made[0]}")
    assert (answer.status_code, "ask from the start" in answer.get_json()["detail"]) == (400, True)
    assert all_pages(client, entries, 1) == made[1:]


def test_what_is_added_meanwhile_moves_no_entry_to_another_page(
    client: FlaskClient, entries: Entries
) -> None:
    made = entries.add(4)
    order = made[::-1] if entries.newest_first else made
    later = entries.add(2)
    rest = all_pages(client, entries, 1, after=order[1])
    assert rest == order[2:] + ([] if entries.newest_first else later)


@pytest.mark.parametrize("cursor", ["nobody", "job", "dataset-", "a" * 200])
def test_a_cursor_that_is_no_id_of_the_list_is_refused(
    client: FlaskClient, entries: Entries, cursor: str
) -> None:
    answer = client.get(f"{entries.path}?after={cursor}")
    assert (answer.status_code, answer.get_json()["detail"].startswith("after: no")) == (400, True)


def test_the_id_of_something_else_is_no_cursor(
    client: FlaskClient, entries: Entries, database: Database, settings: Settings
) -> None:
    if entries.table is Job:
        other = asked_tokenizer(database, settings).id
    else:
        other = queued_job(database, settings).id
    assert client.get(f"{entries.path}?after={other}").status_code == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=", "after=a&after=b"])
def test_a_wrong_limit_or_cursor_is_named(client: FlaskClient, entries: Entries, query: str) -> None:
    answer = client.get(f"{entries.path}?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_checkpoint_is_the_last_of_all_and_not_of_its_page(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        for step in (1, 2, 3):
            row = {
                "step": step, "epoch": 1, "train_loss": 5.0, "val_loss": float(step), "bytes": 1,
                "sha256": "0", "directory": f"jobs/{job.id}/{step}",
            }  # fmt: skip
            record_checkpoint(session, job.id, job.attempt, row, keep_last=9, keep_best=1)
    first = client.get(f"/jobs/{job.id}/checkpoints?limit=2").get_json()["data"]
    assert [row["kind"] for row in first] == [["best"], []]
