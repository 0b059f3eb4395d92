"""Who sees and changes what others have made."""

import pytest

from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import DatasetNeeded, delete_dataset, find_dataset, list_datasets, store_dataset
from jobs.lifecycle.tokenizers import request_tokenizer
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.imported_models import get_model, insert_model, list_models
from jobs.store.lookup import JobFilter, NotFound, check_access, get_job, list_jobs
from jobs.store.ownership import NotYours, set_shared, visible_ids
from jobs.store.tables import Dataset, ImportedModel, Job, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer, list_tokenizers
from jobs.store.viewers import Right, Viewer, viewed_by
from tests.jobs.making import queued_job

ANA, BOB, ROOT = Viewer(Right.WRITE, "ana"), Viewer(Right.WRITE, "bob"), Viewer(Right.ADMIN, "root")


class Things:
    """One of each kind, made by whoever asks."""

    def __init__(self, database: Database, settings: Settings, text: str = "Boats. " * 400) -> None:
        dataset, _ = store_dataset(database, settings, "boats", text.encode())
        self.ids: dict[type, str] = {
            Job: queued_job(database, settings).id,
            Dataset: dataset.id,
            TrainedTokenizer: request_tokenizer(database, settings, "own", "sample", 300).id,
        }
        with database.write() as session:
            self.ids[ImportedModel] = insert_model(session, "own", 1, "models/none").id

    def listed(self, database: Database) -> set[str]:
        """Those of them that lists show whoever asks."""
        with database.read() as session:
            jobs, _ = list_jobs(session, JobFilter(), 100)
            rows = [*jobs, *list_datasets(session), *list_tokenizers(session), *list_models(session)]
        return {row.id for row in rows} & set(self.ids.values())

    def found(self, database: Database) -> set[str]:
        """Those of them that whoever asks finds by their ids."""
        lookups = {Job: get_job, TrainedTokenizer: get_tokenizer, ImportedModel: get_model}
        ids = set()
        with database.read() as session:
            for table, row_id in self.ids.items():
                try:
                    if table in lookups:
                        lookups[table](session, row_id)
                    check_access(session, table, row_id, changes=False)
                except NotFound:
                    continue
                else:
                    ids.add(row_id)
            assert visible_ids(session, self.ids.values()) == ids
        return ids

    def changeable(self, database: Database) -> set[str]:
        ids = set()
        with database.read() as session:
            for table, row_id in self.ids.items():
                try:
                    check_access(session, table, row_id, changes=True)
                except (NotFound, NotYours):
                    continue
                ids.add(row_id)
        return ids


def seen(things: Things, database: Database, asking: Viewer) -> tuple[bool, bool]:
    """Whether they see and change all of them; that lists and ids agree."""
    everything = set(things.ids.values())
    with viewed_by(asking):
        listed, found, changeable = (
            things.listed(database),
            things.found(database),
            things.changeable(database),
        )
    assert listed == found
    assert found in (set(), everything)
    assert changeable in (set(), everything)
    return bool(found), bool(changeable)


def test_what_is_somebodys_own_only_they_and_administrators_see(
    database: Database, settings: Settings
) -> None:
    with viewed_by(ANA):
        things = Things(database, settings)
    assert [seen(things, database, asking) for asking in (ANA, BOB, ROOT)] == [
        (True, True),
        (False, False),
        (True, True),
    ]


def test_what_is_shared_all_see_and_only_its_owner_and_administrators_change(
    database: Database, settings: Settings
) -> None:
    with viewed_by(ANA):
        things = Things(database, settings)
    for shared in (True, False):
        with database.write() as session:
            for table, row_id in things.ids.items():
                set_shared(session, table, row_id, shared=shared)
        assert seen(things, database, BOB) == (shared, False)
        assert seen(things, database, ANA) == (True, True)


def test_what_was_made_without_tokens_all_see_and_administrators_change(
    database: Database, settings: Settings
) -> None:
    things = Things(database, settings)
    assert [seen(things, database, asking) for asking in (BOB, ROOT)] == [(True, False), (True, True)]


def test_each_owner_has_a_data_set_of_their_own_of_the_same_text(
    database: Database, settings: Settings
) -> None:
    made = {}
    for asking in (ANA, BOB, ROOT):
        with viewed_by(asking):
            (first, is_new), (again, is_new_again) = (
                store_dataset(database, settings, name, b"Boats. " * 50) for name in ("boats", "again")
            )
            assert (is_new, is_new_again, again.id) == (True, False, first.id)
            made[asking] = first
    nobodys = [store_dataset(database, settings, "boats", b"Boats. " * 50) for _ in range(2)]
    assert [is_new for _, is_new in nobodys] == [True, False]
    assert len({dataset.id for dataset in made.values()} | {nobodys[0][0].id}) == 4
    assert len({dataset.sha256 for dataset in made.values()}) == 1


def test_a_spec_can_not_name_what_is_anothers(database: Database, settings: Settings) -> None:
    with viewed_by(ANA):
        own, _ = store_dataset(database, settings, "boats", b"Boats. " * 50)
        assert find_dataset(database, settings, own.id).id == own.id
    with viewed_by(BOB), pytest.raises(DatasetUnavailable, match="unknown"):
        find_dataset(database, settings, own.id)


def test_no_message_names_another_owners_job(database: Database, settings: Settings) -> None:
    with viewed_by(ANA):
        text, _ = store_dataset(database, settings, "boats", b"Boats and again boats, all day. " * 400)
        with database.write() as session:
            set_shared(session, Dataset, text.id, shared=True)
    with viewed_by(BOB):
        job = queued_job(database, settings, dataset=text.id)

    def refusal(asking: Viewer) -> str:
        with viewed_by(asking), pytest.raises(DatasetNeeded) as raised, database.write() as session:
            delete_dataset(session, text.id)
        return str(raised.value)

    assert refusal(ANA).startswith("another owner's job needs it")
    assert refusal(ROOT).startswith(f"{job.id} needs it")
    with viewed_by(BOB):
        other = queued_job(database, settings, dataset=text.id)
    assert refusal(ANA).startswith("2 jobs need it, all of other owners")
    assert other.id in refusal(BOB)
