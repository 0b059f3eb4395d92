"""Who may ask, who has changed what, and first answers to requests that are repeated."""

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import AutoIncrement, Table


class Token(Table):
    """An access token. Its secret is not here, only what that is checked by."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner: Mapped[str]
    """Whose the things are that it makes; several tokens may have the same."""
    scope: Mapped[str]
    """`read`, `write` or `admin`, each of which has those before it."""
    sha256: Mapped[str]
    """Of its secret."""
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
    last_used_at: Mapped[float | None]
    """To the minute."""


class PageSession(Table):
    """A browser in which somebody has signed in with a token."""

    __tablename__ = "sessions"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of what the browser presents."""
    token_id: Mapped[str] = mapped_column(ForeignKey("tokens.id"))
    created_at: Mapped[float]
    expires_at: Mapped[float]


class AuditEntry(Table):
    """A change that somebody has made: see `jobs.store.audit`. It outlives what it tells of."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_age", "created_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(AutoIncrement, primary_key=True)
    created_at: Mapped[float]
    request_id: Mapped[str | None]
    token_id: Mapped[str | None]
    token_name: Mapped[str | None]
    owner: Mapped[str | None]
    action: Mapped[str]
    ids: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[int | None]


class IdempotentAnswer(Table):
    """The first answer to a request with an `Idempotency-Key`: see `jobs/store/idempotency.py`."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (Index("idempotent_answers_by_age", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """The sha256 of owner and key."""
    owner: Mapped[str | None]
    request: Mapped[str]
    """The sha256 of method, path and body."""
    status: Mapped[int]
    location: Mapped[str | None]
    body: Mapped[str]
    created_at: Mapped[float]
