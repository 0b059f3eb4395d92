"""Tokenizers, read from their files: those that are built in, and those that were trained on data sets."""

from pathlib import Path

from jobs.files.layout import tokenizer_path
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.preparations import FAILED, READY
from jobs.store.tables import TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer
from model.tokenizers import TOKENIZERS, BadTokenizer, BPETokenizer, Tokenizer, load_own, load_tokenizer


class TokenizerNotReady(Exception):
    """A tokenizer that is still being trained, or could not be; the message says which."""


class TokenizerLost(Exception):
    """A tokenizer's file is gone, or not what was written; the message says how."""


def find_tokenizer(database: Database, settings: Settings, name: str) -> Tokenizer:
    """The tokenizer that is built in under that name, or has that id.

    raises  NotFound, TokenizerNotReady, TokenizerLost, OSError
    """
    if name in TOKENIZERS:
        return load_tokenizer(name)
    with database.read() as session:
        trained = get_tokenizer(session, name)
    return load_trained(settings.artifacts, trained)


def load_trained(artifacts: Path, trained: TrainedTokenizer) -> BPETokenizer:
    """raises  TokenizerNotReady, TokenizerLost, OSError"""
    if trained.status == FAILED:
        raise TokenizerNotReady(f"the tokenizer {trained.id} could not be trained: {trained.error}")
    if trained.status != READY or trained.sha256 is None:
        raise TokenizerNotReady(f"the tokenizer {trained.id} is still being trained")
    try:
        content = tokenizer_path(artifacts, trained.sha256).read_bytes()
        tokenizer = load_own(trained.id, content)
    except FileNotFoundError as error:
        raise TokenizerLost(f"the file of the tokenizer {trained.id} is gone") from error
    except BadTokenizer as error:
        raise TokenizerLost(f"the file of the tokenizer {trained.id} is damaged: it {error}") from error
    if tokenizer.sha256 != trained.sha256:
        raise TokenizerLost(
            f"the file of the tokenizer {trained.id} is damaged: the sha256 of its ranks is "
            f"{tokenizer.sha256}, {trained.sha256} was written"
        )
    return tokenizer
