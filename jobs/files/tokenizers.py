"""The files of tokenizers that were trained on data sets: one `tokenizer.json` for each content, however many
tokenizers have it.

A file is placed in the transaction that lists it. Whoever places or removes one holds a lock of its content.
"""

from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.files.layout import tokenizer_path
from jobs.settings import Settings
from jobs.store.database import Database, insert_if_absent, lock_name
from jobs.store.preparations import FAILED, READY
from jobs.store.tables import TokenizerRemoval, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer
from model.storage.atomic import atomic_write
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


def announce_file(session: Session, sha256: str) -> None:
    """Before it is placed: should this process die before it is listed, the keeper removes it."""
    insert_if_absent(session, TokenizerRemoval, {"sha256": sha256})


def place_file(session: Session, artifacts: Path, sha256: str, content: bytes) -> None:
    """Write it where it belongs, for the transaction to list it. raises OSError

    sha256  of its ranks
    """
    lock_name(session, sha256)
    with atomic_write(tokenizer_path(artifacts, sha256)) as file:  # what was there may be damaged
        file.write(content)
    session.execute(delete(TokenizerRemoval).where(TokenizerRemoval.sha256 == sha256))


def remove_deleted_tokenizers(database: Database, artifacts: Path) -> None:
    """Delete the files of deleted tokenizers, unless another has the same. After a crash the next call goes
    on."""
    with database.read() as session:
        removals = list(session.scalars(select(TokenizerRemoval.sha256)))
    for sha256 in removals:
        with database.write() as session:
            lock_name(session, sha256)
            has_it = TrainedTokenizer.sha256 == sha256
            if session.scalars(select(TrainedTokenizer.id).where(has_it)).first() is None:
                tokenizer_path(artifacts, sha256).unlink(missing_ok=True)
            session.execute(delete(TokenizerRemoval).where(TokenizerRemoval.sha256 == sha256))
