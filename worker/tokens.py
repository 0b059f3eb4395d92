"""The tokens of a data set: those that were written before, or else written now; and tokenizers."""

import os
from collections.abc import Callable

from jobs.files.arriving_text import BadText
from jobs.files.datasets import find_text
from jobs.files.layout import tokens_path
from jobs.files.tokenizers import load_trained
from jobs.process.panics import NativePanic, native_panics_as_errors
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Dataset
from jobs.store.tokenizers import get_tokenizer
from model.storage.token_file import Manifest, TokenFileError, checked_manifest, write_tokens
from model.tokenizers import TOKENIZERS, Tokenizer, load_tokenizer
from worker.retry import retry_while_unavailable


def ensure_tokens(
    settings: Settings,
    dataset: Dataset,
    tokenizer: Tokenizer,
    train_ratio: float,
    threads: int,
    on_progress: Callable[[], object],
) -> Manifest:
    """The header of a token file that is whole and undamaged.

    on_progress  called again and again meanwhile, once for each chunk of a text or of a file; may raise
    raises       BadText, OSError
    """
    source = (dataset.sha256, tokenizer.name, train_ratio, dataset.text_start_bytes)
    path = tokens_path(settings.artifacts, *source)
    try:
        manifest = checked_manifest(path, *source, on_chunk=on_progress)
    except TokenFileError:
        text = find_text(settings, dataset, on_progress)
        try:
            with native_panics_as_errors():
                return write_tokens(text, path, tokenizer, train_ratio, threads=threads, on_chunk=on_progress)
        except NativePanic as panic:  # it would only happen again
            raise BadText(f"the tokenizer {tokenizer.name} can't encode the text: {panic}") from panic
    os.utime(path)  # the keeper deletes what has not been used for long
    return manifest


def stored_tokenizer(settings: Settings, database: Database, name: str) -> Tokenizer:
    """The tokenizer that is built in under that name, or has that id; waits for the database.

    raises  NotFound, TokenizerNotReady, TokenizerLost, OSError
    """
    if name in TOKENIZERS:
        return load_tokenizer(name)
    trained = retry_while_unavailable(database.read, lambda session: get_tokenizer(session, name))
    return load_trained(settings.artifacts, trained)
