"""The part of a data set's text that a job trains on."""

from collections.abc import Iterator

from jobs.files.arriving_text import BadText
from jobs.files.datasets import describe_damage, find_damage
from jobs.files.layout import dataset_path
from jobs.settings import Settings
from jobs.store.tables import Dataset
from model.storage.splits import (
    CHUNK_BYTES,
    TextFile,
    decode_utf8,
    label_splits,
    last_document_start,
    read_chunks,
    split_index,
)


def training_text(settings: Settings, dataset: Dataset, train_share: float, limit: int) -> tuple[str, int]:
    """The first `limit` characters of it, and how many it has.

    raises  BadText if the stored text is gone or damaged; OSError
    """
    if damage := find_damage(settings, dataset):
        raise BadText(damage)
    text = text_file(settings, dataset)
    chunks = training_chunks(text, train_share)
    try:
        training, others = first_characters(chunks, limit)
        if text.documents > 1 and train_share < 1:
            return training, len(training) + others + sum(map(len, chunks))
    except ValueError as error:
        raise BadText(describe_damage(dataset, f"is damaged: it {error}")) from error
    return training, text.characters if train_share == 1 else split_index(text.characters, train_share)


def text_file(settings: Settings, dataset: Dataset) -> TextFile:
    """The stored text. Where the last one of several documents begins, which decides where the training text
    ends, is not stored: it is looked for. raises  OSError"""
    path, characters = dataset_path(settings.artifacts, dataset.sha256), dataset.characters
    start = last_document_start(path, characters) if dataset.documents > 1 else 0
    return TextFile(
        path,
        characters,
        dataset.sha256,
        dataset.text_start_bytes,
        dataset.documents,
        last_document_start=start,
    )


def training_chunks(text: TextFile, train_share: float) -> Iterator[str]:
    chunks = decode_utf8(read_chunks(text.path, CHUNK_BYTES, text.start_bytes), text.start_bytes)
    for split, characters in label_splits(chunks, text, train_share):
        if split != "train":
            return
        yield characters


def first_characters(chunks: Iterator[str], limit: int) -> tuple[str, int]:
    """At most so many, and how many more the last chunk has that was taken for them."""
    taken: list[str] = []
    left = limit
    for chunk in chunks:
        taken.append(chunk[:left])
        left -= len(taken[-1])
        if left == 0:
            return "".join(taken), len(chunk) - len(taken[-1])
    return "".join(taken), 0
