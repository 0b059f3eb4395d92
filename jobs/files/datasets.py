"""Data sets: the built-in ones, people's own, and how many tokens each has."""

import logging
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import httpx2
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.files.encodings import why_not_utf8
from jobs.files.json_lines import as_plain_text, looks_like_json_lines
from jobs.files.layout import dataset_path, sha256_of
from jobs.settings import Settings
from jobs.spec.quoting import quoted
from jobs.store.database import Database, insert_new, now_s, upsert
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound
from jobs.store.tables import Dataset, TokenCount
from model.config import TrainingConfig, storable
from model.storage.atomic import atomic_write
from model.storage.splits import Split, TextFile, read_pieces, scan_text
from model.tokenizers import load_tokenizer

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5
FIRST_LINES_CHARACTERS = 400
TOTALS_TOKENIZER = "gpt2"
TOTALS_TRAIN_RATIO: float = TrainingConfig().train_ratio


@dataclass(frozen=True)
class Builtin:
    """A data set that every service offers: shipped with it, or fetched once and checked."""

    file: str
    url: str | None = None
    sha256: str | None = None


BUILTINS = {
    "the-verdict": Builtin(
        file="the-verdict.txt",
        url="https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/main/ch02/01_main-chapter-code/the-verdict.txt",
        sha256="b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f",
    ),
    "sample": Builtin(file="sample.txt"),
}


class DatasetUnavailable(Exception):
    """A data set that does not exist or cannot be had now; the message says what to do."""


class BadText(ValueError):
    """A text that cannot be a data set."""


def find_dataset(database: Database, settings: Settings, name: str) -> Dataset:
    """The data set called `name` (a built-in) or with the id `name`, fetched first if need be.

    raises  DatasetUnavailable
    """
    with database.read() as session:
        dataset = session.get(Dataset, name)
    lost = None if dataset is None else why_lost(settings, dataset)
    if dataset is not None and lost is None:
        return dataset
    if lost and name not in BUILTINS:
        raise DatasetUnavailable(lost)
    if name not in BUILTINS:
        known = ", ".join(BUILTINS)
        raise DatasetUnavailable(f"unknown; a built-in one ({known}) or the id of one of GET /datasets")
    content = builtin_content(name, BUILTINS[name], settings.dataset_mirror)
    return store_dataset(database, settings, name, content, builtin=True)[0]


def builtin_content(name: str, builtin: Builtin, mirror: str | None) -> bytes:
    if builtin.url is None:
        return resources.files("jobs").joinpath("texts", builtin.file).read_bytes()
    places = {builtin.url: builtin.url}
    if mirror is not None:  # whose path, or password, is not for those who read the answer
        places = {"PRETRAIN_DATASET_MIRROR": f"{mirror.rstrip('/')}/{builtin.file}", **places}
    tried = []
    for called, place in places.items():
        try:
            content = read_place(place)
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            log.warning("%s could not be fetched from %s: %s", name, called, error)
            tried.append(f"{called} ({reason_of(error)})")
            continue
        if sha256_of(content) == builtin.sha256:
            return content
        tried.append(f"{called} (not the text with sha256 {builtin.sha256})")
    raise DatasetUnavailable(
        f"{name} could not be fetched: {'; '.join(tried)}. Use the built-in `sample`, "
        "or set PRETRAIN_DATASET_MIRROR to a folder or URL that has the file"
    )


def reason_of(error: Exception) -> str:
    """Without the path or the address."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, httpx2.HTTPStatusError):
        return f"status {error.response.status_code}"
    return type(error).__name__


def read_place(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return Path(place.removeprefix("file://")).expanduser().read_bytes()
    answer = httpx2.get(place, timeout=FETCH_TIMEOUT_S, follow_redirects=True)
    answer.raise_for_status()
    return answer.content


def store_dataset(
    database: Database, settings: Settings, name: str, content: bytes, *, builtin: bool = False
) -> tuple[Dataset, bool]:
    """Store a text and its token counts, unless a data set already holds it; returns the data set and whether
    it is new. If it is not, and its stored text is gone or damaged, `content` takes its place.

    raises  BadText if it is empty, not UTF-8, or holds what a database could not; OSError. Neither leaves
            anything behind
    """
    text, start_bytes = read_text(content)
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
    same = (Dataset.sha256 == sha256, Dataset.builtin == builtin)
    path = dataset_path(settings.artifacts, sha256)
    with placed(path, content, lambda: is_needed(database, sha256)):
        stored = scan_text(path, start_bytes=start_bytes)
        counts = count_parts(stored, TOTALS_TOKENIZER, TOTALS_TRAIN_RATIO)
        with database.write() as session:
            created = insert_new(session, Dataset, ["sha256", "builtin"], values)
            dataset = session.scalars(select(Dataset).where(*same)).one()
            if dataset.text_start_bytes == start_bytes:
                totals = (TOTALS_TOKENIZER, TOTALS_TRAIN_RATIO)
                store_counts(session, as_row(dataset, *totals, counts))
        return dataset, created


@contextmanager
def placed(path: Path, content: bytes, is_needed: Callable[[], bool]) -> Iterator[None]:
    """`content` at `path`, for the block that records it. If that fails, a file that was not there before is
    deleted, unless somebody else's record needs it by then."""
    was_there = path.exists()
    if not was_there or path.read_bytes() != content:
        with atomic_write(path) as file:
            file.write(content)
    try:
        yield
    except BaseException:
        if not was_there and not is_needed():
            path.unlink(missing_ok=True)
        raise


def is_needed(database: Database, sha256: str) -> bool:
    """Whether a data set has that content; so it is taken while the database does not say."""
    try:
        with database.read() as session:
            return session.scalars(select(Dataset).where(Dataset.sha256 == sha256)).first() is not None
    except SQLAlchemyError:
        return True


def read_text(content: bytes) -> tuple[str, int]:
    """The text in `content`, and how many bytes come before it. raises BadText"""
    if wrong := why_not_utf8(content):
        raise BadText(wrong)
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
    settings: Settings, dataset: Dataset, on_piece: Callable[[], object] = lambda: None
) -> TextFile:
    """The stored text of a data set, read through once; `on_piece` is called again and again meanwhile.

    raises  OSError; BadText if the file is gone or no longer what was stored
    """
    try:
        path = dataset_path(settings.artifacts, dataset.sha256)
        text = scan_text(path, on_piece, start_bytes=dataset.text_start_bytes)
    except FileNotFoundError as error:
        raise BadText(loss(dataset, "is gone")) from error
    except ValueError as error:
        raise BadText(loss(dataset, f"is damaged: it {error}")) from error
    if text.sha256 != dataset.sha256:
        raise BadText(loss(dataset, f"is damaged: its sha256 is {text.sha256}"))
    return text


def why_lost(settings: Settings, dataset: Dataset) -> str | None:
    """What is wrong with the stored text, as far as a look at its size tells; None if nothing is."""
    try:
        found = dataset_path(settings.artifacts, dataset.sha256).stat().st_size
    except FileNotFoundError:
        return loss(dataset, "is gone")
    if found != dataset.bytes:
        return loss(dataset, f"is damaged: it has {found:,} bytes instead of {dataset.bytes:,}")
    return None


def loss(dataset: Dataset, what: str) -> str:
    return (
        f"the stored text of the data set {dataset.id} (sha256 {dataset.sha256}) {what}; "
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


def token_totals(session: Session) -> dict[str, int]:
    """By data set's id, the GPT-2 tokens of both its parts at the default `train_ratio`, where counted."""
    counted = select(TokenCount).where(
        TokenCount.tokenizer == TOTALS_TOKENIZER, TokenCount.train_ratio == TOTALS_TRAIN_RATIO
    )
    return {count.dataset_id: count.train_tokens + count.val_tokens for count in session.scalars(counted)}


def count_tokens(
    database: Database, settings: Settings, dataset: Dataset, tokenizer: str, train_ratio: float
) -> TokenCount:
    """Tokens of the training and the validation text, from the table if they were counted before.

    raises  OSError, BadText as `find_text`
    """
    with database.read() as session:
        known = session.get(TokenCount, (dataset.id, tokenizer, train_ratio))
    if known is not None:
        return known
    found = count_parts(find_text(settings, dataset), tokenizer, train_ratio)
    return as_row(dataset, tokenizer, train_ratio, found)


def count_parts(text: TextFile, tokenizer: str, train_ratio: float) -> dict[Split, int]:
    """Tokens of both parts."""
    found: dict[Split, int] = {"train": 0, "validation": 0}
    chosen = load_tokenizer(tokenizer)
    for part, piece in read_pieces(text, train_ratio, chosen.last_cut):
        found[part] += len(chosen.encode(piece))
    return found


def as_row(dataset: Dataset, tokenizer: str, train_ratio: float, found: dict[Split, int]) -> TokenCount:
    return TokenCount(
        dataset_id=dataset.id,
        tokenizer=tokenizer,
        train_ratio=train_ratio,
        train_tokens=found["train"],
        val_tokens=found["validation"],
    )


def store_counts(session: Session, counts: TokenCount) -> None:
    """Keep them for the next who asks."""
    values = {column.name: getattr(counts, column.name) for column in TokenCount.__table__.columns}
    upsert(session, TokenCount, ["dataset_id", "tokenizer", "train_ratio"], values)
