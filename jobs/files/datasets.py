"""Data sets: finding, storing and reading them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jobs.files.arriving_text import BadText, Reader, TextFacts
from jobs.files.builtin_datasets import BUILTINS, DatasetUnavailable, builtin_content
from jobs.files.layout import dataset_path
from jobs.files.plain_text import read_plain_text
from jobs.files.store import TEXTS, partial_file, placed, release
from jobs.files.token_counts import (
    MAX_BYTES_IN_REQUEST,
    TOTALS,
    count_splits,
    known_counts,
    store_counts,
    token_count,
)
from jobs.settings import Settings
from jobs.store.database import Database, insert_if_absent, lock_name, now_us
from jobs.store.ids import DATASET, new_timed_id
from jobs.store.lookup import NotFound, get_visible, jobs_in_need
from jobs.store.ownership import is_visible, may_see
from jobs.store.paging import page_of_rows
from jobs.store.preparations import QUEUED, RUNNING, request_preparation
from jobs.store.tables import Dataset, Job, TokenCount, TrainedTokenizer
from jobs.store.viewers import viewer
from jobs.validation.quoting import quoted
from model.storage.splits import TextFile, scan_text
from model.tokenizers import Tokenizer, load_tokenizer


def find_dataset(database: Database, settings: Settings, name: str) -> Dataset:
    """The data set called `name` (a built-in) or with the id `name`, fetched first if need be.

    raises  DatasetUnavailable
    """
    with database.read() as session:
        dataset = session.get(Dataset, name)
        if dataset is not None and not may_see(dataset):
            dataset = None
    damage = None if dataset is None else find_damage(settings, dataset)
    if dataset is not None and damage is None:
        return dataset
    if damage and name not in BUILTINS:
        raise DatasetUnavailable(damage)
    if name not in BUILTINS:
        builtins = ", ".join(BUILTINS)
        raise DatasetUnavailable(f"unknown; a built-in one ({builtins}) or the id of one of GET /datasets")
    content = builtin_content(name, BUILTINS[name], settings.dataset_mirror)
    return store_dataset(database, settings, name, content, builtin=True)[0]


class DatasetNeeded(Exception):
    """A data set can't be deleted; the message says why."""


@dataclass(frozen=True)
class StoredText:
    dataset: Dataset
    is_new: bool
    """False: its owner had one with the same content, which is this."""
    facts: TextFacts
    """Of the text that was sent now."""


OnStored = Callable[[Session, StoredText], None]


def nothing_more(session: Session, stored: StoredText) -> None:
    """The `OnStored` of whoever wants only the text stored."""


def store_dataset(
    database: Database, settings: Settings, name: str, content: bytes, *, builtin: bool = False
) -> tuple[Dataset, bool]:
    """Store a plain text that is at hand; returns the data set and whether it is new. raises as
    `store_text`"""
    stored = store_text(database, settings, name, [content], read_plain_text, builtin=builtin)
    return stored.dataset, stored.is_new


def store_text(
    database: Database,
    settings: Settings,
    name: str,
    blocks: Iterable[bytes],
    read: Reader,
    *,
    builtin: bool = False,
    on_stored: OnStored = nothing_more,
) -> StoredText:
    """Store a text as it arrives, and count its tokens or have a worker do it, unless whoever asks has a data
    set that already holds it. If that one's stored text is gone or damaged, this takes its place.

    on_stored  called at the end of the transaction that lists the data set; what it raises undoes that
    blocks  of the text as it is sent, which `read` checks; memory holds a few of them
    raises  BadText if it is empty, not UTF-8, or holds what a database could not; OSError; whatever `blocks`
            raises. None leaves anything behind
    """
    facts = TextFacts()
    with partial_file(settings.artifacts, TEXTS) as text:
        for piece in read(blocks, facts):
            text.write(piece)
        text.sync()
        counts = None
        if text.bytes <= MAX_BYTES_IN_REQUEST:
            scanned = scan_text(text.path, start_bytes=facts.start_bytes)
            counts = count_splits(scanned, load_tokenizer(TOTALS[0]), TOTALS[1])
        owner = None if builtin else viewer().owner
        values: dict[str, Any] = {
            "owner": owner,
            "shared": False,
            "name": name,
            "builtin": builtin,
            "sha256": text.sha256,
            "text_start_bytes": facts.start_bytes,
            "characters": facts.characters,
            "documents": facts.documents,
            "longest_document": facts.longest_document,
            "bytes": text.bytes,
            "first_lines": facts.first_lines,
        }
        is_theirs = Dataset.owner.is_not_distinct_from(owner)
        is_same = (Dataset.sha256 == text.sha256, Dataset.builtin == builtin, is_theirs)
        with placed(database, settings.artifacts, TEXTS, text) as session:
            created_us = now_us(session)
            values["id"] = name if builtin else new_timed_id(DATASET, created_us)
            values["created_at"] = created_us / 1e6
            is_new = insert_if_absent(session, Dataset, values)
            dataset = session.scalars(select(Dataset).where(*is_same)).one()
            if counts is not None and dataset.text_start_bytes == facts.start_bytes:
                store_counts(session, token_count(dataset.id, *TOTALS, counts))
            elif session.get(TokenCount, (dataset.id, *TOTALS)) is None:
                request_preparation(session, dataset.id, *TOTALS)
            stored = StoredText(dataset, is_new, facts)
            on_stored(session, stored)
    return stored


def find_text(
    settings: Settings, dataset: Dataset, on_progress: Callable[[], object] = lambda: None
) -> TextFile:
    """The stored text of a data set, read through once; `on_progress` is called again and again meanwhile.

    raises  OSError; BadText if the file is gone or no longer what was stored
    """
    try:
        path = dataset_path(settings.artifacts, dataset.sha256)
        text = scan_text(path, on_progress, start_bytes=dataset.text_start_bytes)
    except FileNotFoundError as error:
        raise BadText(describe_damage(dataset, "is gone")) from error
    except ValueError as error:
        raise BadText(describe_damage(dataset, f"is damaged: it {error}")) from error
    if text.sha256 != dataset.sha256:
        raise BadText(describe_damage(dataset, f"is damaged: its sha256 is {text.sha256}"))
    return text


def open_text(settings: Settings, dataset: Dataset) -> BufferedReader:
    """The stored text of a data set, opened, so that it stays readable when it is deleted meanwhile.

    raises  BadText if the file is gone or has another size than what was stored; OSError
    """
    if damage := find_damage(settings, dataset):
        raise BadText(damage)
    return dataset_path(settings.artifacts, dataset.sha256).open("rb")


def find_damage(settings: Settings, dataset: Dataset) -> str | None:
    """What is wrong with the stored text, judging by its size; None if nothing is."""
    try:
        size = dataset_path(settings.artifacts, dataset.sha256).stat().st_size
    except FileNotFoundError:
        return describe_damage(dataset, "is gone")
    if size != dataset.bytes:
        return describe_damage(dataset, f"is damaged: it has {size:,} bytes instead of {dataset.bytes:,}")
    return None


def describe_damage(dataset: Dataset, damage: str) -> str:
    return (
        f"the stored text of the data set {dataset.id} (sha256 {dataset.sha256}) {damage}; "
        "adding the same text again mends it"
    )


def list_datasets(session: Session) -> list[Dataset]:
    """Those that whoever asks may see, the oldest first."""
    visible = select(Dataset).where(is_visible(Dataset))
    return list(session.scalars(visible.order_by(Dataset.created_at, Dataset.id)))


def page_of_datasets(session: Session, limit: int, after: str | None = None) -> tuple[list[Dataset], bool]:
    """Of those that are not built in: see `page_of_rows`."""
    own = select(Dataset).where(Dataset.builtin.is_(False))
    return page_of_rows(session, own, Dataset, DATASET, limit, after)


def get_dataset(session: Session, dataset_id: str) -> Dataset:
    """raises  NotFound, also of one that whoever asks may not see"""
    return get_visible(session, Dataset, dataset_id)


def delete_dataset(session: Session, dataset_id: str) -> None:
    """Delete a data set that no job needs; its text is removed afterwards (`remove_released`).

    raises  NotFound; DatasetNeeded for a built-in one, and while there is a job of it or a tokenizer is
            trained on it
    """
    if dataset_id in BUILTINS:
        raise DatasetNeeded(f"{dataset_id} is built in, and can't be deleted")
    dataset = get_dataset(session, dataset_id)
    lock_name(session, dataset.sha256)  # nobody finds that it is there already and relies on it
    is_of_it = or_(Job.dataset_id == dataset_id, Job.validation_dataset_id == dataset_id)
    if needed := jobs_in_need(session, is_of_it):
        raise DatasetNeeded(f"{needed}: a job's text is part of its record. Delete the jobs first")
    in_training = (TrainedTokenizer.dataset_id == dataset_id, TrainedTokenizer.status.in_([QUEUED, RUNNING]))
    if tokenizer := session.scalars(select(TrainedTokenizer).where(*in_training)).first():
        name = tokenizer.id if may_see(tokenizer) else "another owner's tokenizer"
        raise DatasetNeeded(f"{name} is being trained on it. Wait until it is ready, or delete it first")
    try:
        gone = session.execute(delete(Dataset).where(Dataset.id == dataset_id).returning(Dataset.id)).first()
    except IntegrityError as error:
        raise DatasetNeeded("a job of it has just been posted") from error
    if gone is None:  # another was faster
        raise NotFound(f"no data set {quoted(dataset_id)}")
    release(session, TEXTS, dataset.sha256)


def count_tokens(
    database: Database, settings: Settings, dataset: Dataset, tokenizer: Tokenizer, train_ratio: float
) -> TokenCount:
    """Tokens of the training and the validation text, from the table if they were counted before.

    raises  OSError, BadText as `find_text`
    """
    if (counts := known_counts(database, dataset, tokenizer.name, train_ratio)) is not None:
        return counts
    counted = count_splits(find_text(settings, dataset), tokenizer, train_ratio)
    return token_count(dataset.id, tokenizer.name, train_ratio, counted)
