"""Data sets: finding, storing and reading them."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.files.builtin_datasets import BUILTINS, DatasetUnavailable, builtin_content
from jobs.files.encodings import why_not_utf8
from jobs.files.json_lines import as_plain_text, looks_like_json_lines
from jobs.files.layout import dataset_path, sha256_of
from jobs.files.token_counts import (
    TOTALS_TOKENIZER,
    TOTALS_TRAIN_RATIO,
    count_splits,
    store_counts,
    token_count,
)
from jobs.settings import Settings
from jobs.store.database import Database, insert_if_absent, now_s
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound
from jobs.store.tables import Dataset, TokenCount
from jobs.validation.quoting import quoted
from model.config import storable
from model.storage.atomic import atomic_write
from model.storage.splits import TextFile, scan_text

FIRST_LINES_CHARACTERS = 400


class BadText(ValueError):
    """A text that cannot be a data set."""


def find_dataset(database: Database, settings: Settings, name: str) -> Dataset:
    """The data set called `name` (a built-in) or with the id `name`, fetched first if need be.

    raises  DatasetUnavailable
    """
    with database.read() as session:
        dataset = session.get(Dataset, name)
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


def store_dataset(
    database: Database, settings: Settings, name: str, content: bytes, *, builtin: bool = False
) -> tuple[Dataset, bool]:
    """Store a text and its token counts, unless a data set already holds it; returns the data set and whether
    it is new. If it is not, and its stored text is gone or damaged, `content` takes its place.

    raises  BadText if it is empty, not UTF-8, or holds what a database could not; OSError. Neither leaves
            anything behind
    """
    text, start_bytes = decode_text(content)
    sha256 = sha256_of(content)
    values = {
        "id": name if builtin else new_id("dataset"),
        "name": name,
        "builtin": builtin,
        "sha256": sha256,
        "text_start_bytes": start_bytes,
        "characters": len(text),
        "bytes": len(content),
        "first_lines": text[:FIRST_LINES_CHARACTERS],
        "created_at": now_s(),
    }
    is_same = (Dataset.sha256 == sha256, Dataset.builtin == builtin)
    path = dataset_path(settings.artifacts, sha256)
    with file_written(path, content, lambda: is_needed(database, sha256)):
        stored_text = scan_text(path, start_bytes=start_bytes)
        counts = count_splits(stored_text, TOTALS_TOKENIZER, TOTALS_TRAIN_RATIO)
        with database.write() as session:
            is_new = insert_if_absent(session, Dataset, values)
            dataset = session.scalars(select(Dataset).where(*is_same)).one()
            if dataset.text_start_bytes == start_bytes:
                totals = token_count(dataset, TOTALS_TOKENIZER, TOTALS_TRAIN_RATIO, counts)
                store_counts(session, totals)
        return dataset, is_new


@contextmanager
def file_written(path: Path, content: bytes, is_needed: Callable[[], bool]) -> Iterator[None]:
    """A file for the block to list in the database. If that fails, and the file was not there before, it is
    deleted again, unless another data set needs it by then."""
    existed = path.exists()
    if not existed or path.read_bytes() != content:
        with atomic_write(path) as file:
            file.write(content)
    try:
        yield
    except BaseException:
        if not existed and not is_needed():
            path.unlink(missing_ok=True)
        raise


def is_needed(database: Database, sha256: str) -> bool:
    """Whether a data set has that content; assumed while the database does not answer."""
    try:
        with database.read() as session:
            return session.scalars(select(Dataset).where(Dataset.sha256 == sha256)).first() is not None
    except SQLAlchemyError:
        return True


def decode_text(content: bytes) -> tuple[str, int]:
    """The text in `content`, and how many bytes come before it. raises BadText"""
    if reason := why_not_utf8(content):
        raise BadText(reason)
    start_bytes = len(BOM_UTF8) if content.startswith(BOM_UTF8) else 0
    text = content[start_bytes:].decode()
    if not text.strip():
        raise BadText("must not be empty")
    if looks_like_json_lines(text):
        raise BadText(
            "looks like JSON Lines, a document a line, which is not supported yet. "
            f"This makes it plain text: {as_plain_text()}"
        )
    try:
        return storable(text), start_bytes
    except ValueError as error:
        raise BadText(str(error)) from error


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
    return list(session.scalars(select(Dataset).order_by(Dataset.created_at, Dataset.id)))


def get_dataset(session: Session, dataset_id: str) -> Dataset:
    """raises NotFound"""
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        raise NotFound(f"no data set {quoted(dataset_id)}")
    return dataset


def count_tokens(
    database: Database, settings: Settings, dataset: Dataset, tokenizer: str, train_ratio: float
) -> TokenCount:
    """Tokens of the training and the validation text, from the table if they were counted before.

    raises  OSError, BadText as `find_text`
    """
    with database.read() as session:
        stored = session.get(TokenCount, (dataset.id, tokenizer, train_ratio))
    if stored is not None:
        return stored
    counts = count_splits(find_text(settings, dataset), tokenizer, train_ratio)
    return token_count(dataset, tokenizer, train_ratio, counts)
