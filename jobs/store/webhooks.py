"""Webhooks, and what was sent to them: the rows of `webhooks` and `webhook_deliveries`.

A delivery is written in the transaction of what it tells of (`announce`), so that none is lost and none tells
of what did not happen. A keeper sends it later, at least once: if it dies before it has recorded the answer,
another sends it again, under the same id.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from jobs.store.database import now_s, now_us
from jobs.store.ids import new_id, new_timed_id
from jobs.store.lookup import BadCursor, NotFound
from jobs.store.paging import page_of_rows
from jobs.store.tables import Job, Webhook, WebhookDelivery
from jobs.validation.quoting import cut, quoted

EventType = Literal[
    "job.queued",
    "job.running",
    "job.paused",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.deleted",
    "alert",
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

WEBHOOK = "webhook"
"""What their ids begin with."""

ENABLED, DISABLED = "enabled", "disabled"
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

FIRST_DELAY_S, LONGEST_DELAY_S = 5.0, 3600.0
JITTER = 0.2
GIVE_UP_S = 24 * 3600.0
"""After which a delivery is tried no more."""
KEPT_S = 7 * 24 * 3600.0
"""For how long one is listed."""
CLAIM_S = 120.0
"""Longer than one attempt lasts: then the keeper that made it has died."""


def event_type(kind: str, data: dict[str, Any]) -> EventType | None:
    """What webhooks call an event of a job; None for one that they are not told of."""
    name = {"status": f"job.{data.get('status')}", "deleted": "job.deleted"}.get(kind, kind)
    return next((known for known in EVENT_TYPES if known == name), None)


def announce(session: Session, job_id: str, attempt: int, kind: str, data: dict[str, Any]) -> None:
    """Write a delivery of an event of a job for each webhook that asks for it."""
    name = event_type(kind, data)
    if name is None:
        return
    # Locked against deletion: it would else come between this and the insertions, and undo what they tell of.
    enabled = session.scalars(
        select(Webhook).where(Webhook.status == ENABLED).with_for_update(read=True, key_share=True)
    ).all()
    webhook_ids = [webhook.id for webhook in enabled if name in webhook.events]
    if not webhook_ids:
        return
    job = session.execute(select(Job.name, Job.step, Job.total_steps).where(Job.id == job_id)).one_or_none()
    row: dict[str, Any] = {} if job is None else dict(job._mapping)  # it has just been deleted
    told = {"job_id": job_id, "attempt": attempt, **row, **data}
    for webhook_id in webhook_ids:
        values = {"id": new_id("delivery"), "webhook_id": webhook_id, "type": name, "data": told}
        times = {"created_at": now_s(), "next_attempt_at": now_s()}
        session.execute(insert(WebhookDelivery).values(**values, **times, status=PENDING, attempts=0))


def add_webhook(session: Session, url: str, events: Sequence[EventType], secret: str) -> Webhook:
    created_us = now_us(session)
    webhook = Webhook(
        id=new_timed_id(WEBHOOK, created_us),
        url=url,
        events=list(events),
        secret=secret,
        status=ENABLED,
        failures=0,
        created_at=created_us / 1e6,
    )
    session.add(webhook)
    session.flush()
    return webhook


def get_webhook(session: Session, webhook_id: str) -> Webhook:
    """raises NotFound"""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound(f"no webhook {quoted(webhook_id)}")
    return webhook


def page_of_webhooks(session: Session, limit: int, after: str | None = None) -> tuple[list[Webhook], bool]:
    """See `page_of_rows`."""
    return page_of_rows(session, select(Webhook), Webhook, WEBHOOK, limit, after)


def delete_webhook(session: Session, webhook_id: str) -> None:
    """With its deliveries. raises NotFound"""
    get_webhook(session, webhook_id)
    session.execute(delete(Webhook).where(Webhook.id == webhook_id))


def list_deliveries(
    session: Session, webhook_id: str, limit: int, after: str | None = None
) -> tuple[list[WebhookDelivery], bool]:
    """A page of a webhook's deliveries, newest first, behind the delivery `after`; whether there are more.

    raises  NotFound, BadCursor
    """
    get_webhook(session, webhook_id)
    of_webhook = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if after is not None:
        number = session.scalar(
            select(WebhookDelivery.number).where(
                WebhookDelivery.id == after, WebhookDelivery.webhook_id == webhook_id
            )
        )
        if number is None:
            raise BadCursor(f"the webhook has no delivery {quoted(after)}, or has it no more")
        of_webhook = of_webhook.where(WebhookDelivery.number < number)
    page = list(session.scalars(of_webhook.order_by(WebhookDelivery.number.desc()).limit(limit + 1)))
    return page[:limit], len(page) > limit


@dataclass(frozen=True)
class Claimed:
    """A delivery that this keeper alone sends now."""

    delivery_id: str
    webhook_id: str
    attempt: int
    url: str
    secret: str
    type: str
    data: dict[str, Any]
    created_at: float


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; delivered if there is no error."""

    response_code: int | None
    error: str | None = None


def is_any_due(session: Session) -> bool:
    """Whether something may be claimed: asked before, since on SQLite a claim excludes all other writers."""
    return session.scalar(due_webhook()) is not None


def due_webhook() -> Any:
    """The id of the webhook whose delivery is due for longest, of those that no keeper sends to now."""
    is_free = or_(Webhook.lease_expires_at.is_(None), Webhook.lease_expires_at < now_s())
    is_due = (WebhookDelivery.status == PENDING, WebhookDelivery.next_attempt_at <= now_s())
    due = select(Webhook.id).join(WebhookDelivery, WebhookDelivery.webhook_id == Webhook.id)
    due = due.where(Webhook.status == ENABLED, is_free, *is_due)
    return due.order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.number).limit(1)


def claim_delivery(session: Session) -> Claimed | None:
    """Take the delivery that is due for longest; None if there is none.

    A webhook gets one at a time: a receiver that is slow holds no more than one sender, and what is tried for
    the first time comes in order.
    """
    found = due_webhook().with_for_update(of=Webhook, key_share=True, skip_locked=True).scalar_subquery()
    is_free = or_(Webhook.lease_expires_at.is_(None), Webhook.lease_expires_at < now_s())
    claimed = (
        update(Webhook)
        .where(Webhook.id == found, is_free)
        .values(lease_expires_at=now_s() + CLAIM_S)
        .returning(Webhook.id)
    )
    webhook_id = session.scalars(claimed, execution_options={"synchronize_session": False}).first()
    if webhook_id is None:
        return None
    webhook = get_webhook(session, webhook_id)
    is_due = (WebhookDelivery.status == PENDING, WebhookDelivery.next_attempt_at <= now_s())
    first = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, *is_due)
    delivery = session.scalars(
        first.order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.number).limit(1)
    ).one()
    delivery.attempts += 1
    return Claimed(
        delivery_id=delivery.id,
        webhook_id=webhook_id,
        attempt=delivery.attempts,
        url=webhook.url,
        secret=webhook.secret,
        type=delivery.type,
        data=delivery.data,
        created_at=delivery.created_at,
    )


Turn = Literal["begins to fail", "works again", "given up", "disabled"]
"""What an attempt has changed of a webhook, or of what is sent to it."""


def settle_delivery(session: Session, claimed: Claimed, outcome: Outcome) -> Turn | None:
    """Record how an attempt ended, and when the next one is due, if one is. Nothing, if the webhook was
    deleted meanwhile, or another keeper has taken the delivery since.

    returns  what the attempt has changed; None if it is one of many that end alike
    """
    lock = select(Webhook).where(Webhook.id == claimed.webhook_id).with_for_update(key_share=True)
    webhook = session.scalars(lock).one_or_none()
    is_ours = (
        WebhookDelivery.id == claimed.delivery_id,
        WebhookDelivery.attempts == claimed.attempt,
        WebhookDelivery.status == PENDING,
    )
    delivery = session.scalars(select(WebhookDelivery).where(*is_ours)).one_or_none()
    if webhook is None or delivery is None:
        return None
    now = session.execute(select(now_s())).scalar_one()
    webhook.lease_expires_at = None
    delivery.response_code = outcome.response_code
    delivery.error = None if outcome.error is None else cut(outcome.error)
    if outcome.error is None:
        delivery.status, delivery.delivered_at, delivery.next_attempt_at = DELIVERED, now, None
        has_failed = webhook.failures > 0
        webhook.failures, webhook.failing_since = 0, None
        return "works again" if has_failed else None
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    delivery.next_attempt_at = now + retry_delay_s(claimed.attempt)
    if delivery.next_attempt_at >= delivery.created_at + GIVE_UP_S:
        delivery.status, delivery.next_attempt_at = FAILED, None
        if now - webhook.failing_since >= GIVE_UP_S / 2:
            disable(session, webhook, f"no delivery has succeeded in {webhook.failures:,} attempts")
            return "disabled"
        return "given up"
    return "begins to fail" if webhook.failures == 1 else None


def disable(session: Session, webhook: Webhook, reason: str) -> None:
    """Send nothing more to a webhook, and say why. One that is posted anew begins anew."""
    webhook.status, webhook.detail = DISABLED, reason
    pending = (WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.status == PENDING)
    given_up = {"status": FAILED, "next_attempt_at": None, "error": "the webhook was disabled"}
    session.execute(update(WebhookDelivery).where(*pending).values(**given_up))


def retry_delay_s(attempt: int) -> float:
    """Seconds until the next attempt: twice as long each time, up to an hour, a fifth more or less, so that
    what has failed together does not come back together."""
    doubled = FIRST_DELAY_S * 2 ** min(attempt - 1, 30)
    return min(doubled, LONGEST_DELAY_S) * random.uniform(1 - JITTER, 1 + JITTER)


def remove_old_deliveries(session: Session) -> None:
    """Those that ended so long ago that nobody asks for them any more."""
    is_old = (WebhookDelivery.status != PENDING, WebhookDelivery.created_at < now_s() - KEPT_S)
    session.execute(delete(WebhookDelivery).where(*is_old))


def count_webhooks(session: Session) -> dict[str, int]:
    """By status."""
    counts = session.execute(select(Webhook.status, func.count()).group_by(Webhook.status))
    return {ENABLED: 0, DISABLED: 0, **dict(counts.all())}


def count_pending(session: Session) -> int:
    """Deliveries that have yet to be sent."""
    pending = select(func.count()).select_from(WebhookDelivery).where(WebhookDelivery.status == PENDING)
    return session.execute(pending).scalar_one()
