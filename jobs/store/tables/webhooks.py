"""Webhooks, and what they are told."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import AutoIncrement, Table


class Webhook(Table):
    """A URL that is told of what happens to jobs: see `jobs.store.webhooks`."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(JSON)
    """The types that it is told of."""
    secret: Mapped[str]
    """As it is: what is sent is signed with it."""
    status: Mapped[str]
    """`enabled` or `disabled`."""
    detail: Mapped[str | None]
    """Why it is disabled."""
    failures: Mapped[int] = mapped_column(default=0)
    """Attempts since one has succeeded."""
    failing_since: Mapped[float | None]
    lease_expires_at: Mapped[float | None]
    """Until then a keeper sends to it, and no other does."""
    created_at: Mapped[float]


class WebhookDelivery(Table):
    """Something that a webhook is told of, written with what it tells of, and sent later."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_by_webhook", "webhook_id", "number"),
        Index("webhook_deliveries_in_line", "status", "next_attempt_at"),
    )

    number: Mapped[int] = mapped_column(AutoIncrement, primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    """What it tells. It names a job, which may have been deleted since."""
    status: Mapped[str]
    """`pending`, `delivered` or `failed`."""
    attempts: Mapped[int] = mapped_column(default=0)
    response_code: Mapped[int | None]
    """Of the last attempt, as `error` is."""
    error: Mapped[str | None]
    created_at: Mapped[float]
    next_attempt_at: Mapped[float | None]
    delivered_at: Mapped[float | None]
