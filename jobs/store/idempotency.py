"""First answers to requests that clients may repeat: the same key and request get the same answer for a day.

An answer is stored in the transaction that stores what the request asked for, so that there is one of both or
none, wherever a process dies. Of requests with the same key at the same time one stores; the others wait for
its commit, find the answer there and undo what they have done.
"""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from jobs.store.database import insert_if_absent, now_s
from jobs.store.tables import IdempotentAnswer

KEPT_S = 24 * 3600


class AlreadyAnswered(Exception):
    """Another request with the key has been answered meanwhile; this one must store nothing."""


class KeyReused(Exception):
    """The key belongs to another request; the message says so."""


@dataclass(frozen=True)
class IdempotencyKey:
    """What a client calls a request by which it means to have something done once."""

    owner: str | None
    """Whose key it is: others may use the same."""
    key: str
    request: str
    """Method, path and body, canonically: what the key is for."""

    @property
    def id(self) -> str:
        return key_id(self.owner, self.key)


def key_id(owner: str | None, key: str) -> str:
    """Of an owner's key, whatever it is for."""
    return digest(f"{'' if owner is None else f'owner {owner}'}\n{key}")


def oldest() -> ColumnElement[float]:
    """When the oldest answer may have been stored that still counts."""
    return now_s() - KEPT_S


def digest(value: str) -> str:
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def find_answer(session: Session, key_id: str) -> IdempotentAnswer | None:
    """The first answer to the request with that key, if there is one of the last day."""
    fresh = (IdempotentAnswer.id == key_id, IdempotentAnswer.created_at >= oldest())
    return session.scalars(select(IdempotentAnswer).where(*fresh)).first()


def check_request(answer: IdempotentAnswer, key: IdempotencyKey) -> None:
    """raises  KeyReused if the key was for another request"""
    if answer.request != digest(key.request):
        raise KeyReused(
            "this Idempotency-Key was used for another request, or with another body, within the last 24 "
            "hours: repeat that one as it was, or use a new key"
        )


def keep_answer(session: Session, key: IdempotencyKey, status: int, location: str | None, body: str) -> None:
    """Store the answer, as the last statement of the transaction that stores what it is about.

    raises  AlreadyAnswered
    """
    expired = (IdempotentAnswer.id == key.id, IdempotentAnswer.created_at < oldest())
    session.execute(delete(IdempotentAnswer).where(*expired))
    values = {
        "id": key.id,
        "owner": key.owner,
        "request": digest(key.request),
        "status": status,
        "location": location,
        "body": body,
        "created_at": now_s(),
    }
    if not insert_if_absent(session, IdempotentAnswer, values):
        raise AlreadyAnswered


def forget_old_answers(session: Session) -> None:
    """Delete answers that no request gets any more."""
    session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < oldest()))
