"""Data sets: the built-in ones, people's own, and how many tokens each has."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import httpx2
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.artifacts import dataset_path, sha256_of
from jobs.database import Database, now_s
from jobs.files.encodings import why_not_utf8
from jobs.files.json_lines import looks_like_json_lines
from jobs.lookup import NotFound
from jobs.names import new_id
from jobs.quoting import quoted
from jobs.settings import Settings
from jobs.tables import Dataset, TokenCount
from jobs.upsert import insert_new, upsert
from model.config import TrainingConfig, storable
from model.durable import replacing
from model.splits import Part, TextFile, read_pieces, survey
from model.tokens import load_tokenizer

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
    if dataset is not None and dataset_path(settings.artifacts, dataset.sha256).exists():
        return dataset
    if name not in BUILTINS:
        known = ", ".join(BUILTINS)
        raise DatasetUnavailable(f"unknown; a built-in one ({known}) or the id of one of GET /datasets")
    content = builtin_content(name, BUILTINS[name], settings.dataset_mirror)
    return store_dataset(database, settings, name, content, builtin=True)[0]


def builtin_content(name: str, builtin: Builtin, mirror: str | None) -> bytes:
    if builtin.url is None:
        return resources.files("jobs").joinpath("texts", builtin.file).read_bytes()
    places = [builtin.url] if mirror is None else [f"{mirror.rstrip('/')}/{builtin.file}", builtin.url]
    tried = []
    for place in places:
        try:
            content = read_place(place)
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            tried.append(f"{place} ({str(error) or type(error).__name__})")
            continue
        if sha256_of(content) == builtin.sha256:
            return content
        tried.append(f"{place} (not the text with sha256 {builtin.sha256})")
    raise DatasetUnavailable(
        f"{name} could not be fetched: {'; '.join(tried)}. Use the built-in `sample`, "
        "or set PRETRAIN_DATASET_MIRROR to a folder or URL that has the file"
    )


def read_place(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return Path(place.removeprefix("file://")).expanduser().read_bytes()
    answer = httpx2.get(place, timeout=FETCH_TIMEOUT_S, follow_redirects=True)
    answer.raise_for_status()
    return answer.content


def store_dataset(
    database: Database, settings: Settings, name: str, content: bytes, *, builtin: bool = False
) -> tuple[Dataset, bool]:
    """Store a text, unless a data set already holds it. Returns the data set and whether it is new.

    raises  BadText if it is empty, not UTF-8, or holds what a database could not
    """
    text = decode(content)
    sha256 = sha256_of(content)
    path = dataset_path(settings.artifacts, sha256)
    if not path.exists():
        with replacing(path) as file:
            file.write(content)
    values = {
        "id": name if builtin else new_id("dataset"),
        "name": name,
        "builtin": builtin,
        "sha256": sha256,
        "characters": len(text),
        "bytes": len(content),
        "first_lines": text[:FIRST_LINES_CHARACTERS],
        "created_at": now_s(),
    }
    same = (Dataset.sha256 == sha256, Dataset.builtin == builtin)
    with database.write() as session:
        created = insert_new(session, Dataset, ["sha256", "builtin"], values)
        return session.scalars(select(Dataset).where(*same)).one(), created


def decode(content: bytes) -> str:
    if wrong := why_not_utf8(content):
        raise BadText(wrong)
    text = content.decode()
    if not text.strip():
        raise BadText("must not be empty")
    if looks_like_json_lines(text):
        raise BadText(
            "looks like JSON Lines, a document a line, which is not supported yet. "
            "This makes it plain text: jq -r .text FILE > FILE.txt"
        )
    try:
        return storable(text)
    except ValueError as error:
        raise BadText(str(error)) from error


def find_text(settings: Settings, sha256: str, on_piece: Callable[[], object] = lambda: None) -> TextFile:
    """The stored text of a data set, read through once; `on_piece` is called again and again meanwhile.

    raises  OSError; BadText if the file is no longer what was stored
    """
    try:
        text = survey(dataset_path(settings.artifacts, sha256), on_piece)
    except ValueError as error:
        raise BadText(str(error)) from error
    if text.sha256 != sha256:
        raise BadText(f"the stored text no longer has the sha256 {sha256}")
    return text


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
    """Tokens of the training and the validation text, from the table if they were counted before."""
    key = {"dataset_id": dataset.id, "tokenizer": tokenizer, "train_ratio": train_ratio}
    with database.read() as session:
        known = session.get(TokenCount, tuple(key.values()))
    if known is not None:
        return known
    found: dict[Part, int] = {"train": 0, "validation": 0}
    chosen = load_tokenizer(tokenizer)
    for part, piece in read_pieces(find_text(settings, dataset.sha256), train_ratio, chosen.last_cut):
        found[part] += len(chosen.encode(piece))
    counts = {**key, "train_tokens": found["train"], "val_tokens": found["validation"]}
    with database.write() as session:
        upsert(session, TokenCount, list(key), counts)
    return TokenCount(**counts)
