"""Deliveries: written with what they tell of, claimed by one sender at a time, tried for a day."""

import threading
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.lifecycle.attempts import end, fail, stop
from jobs.lifecycle.requests import delete_job, request_cancel
from jobs.settings import Settings
from jobs.states import Status, job_error
from jobs.store import webhooks
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.lookup import BadCursor, NotFound, get_job
from jobs.store.tables import Webhook, WebhookDelivery
from jobs.store.webhooks import (
    EVENT_TYPES,
    FIRST_DELAY_S,
    GIVE_UP_S,
    KEPT_S,
    LONGEST_DELAY_S,
    Claimed,
    EventType,
    Outcome,
    add_webhook,
    claim_delivery,
    delete_webhook,
    is_any_due,
    list_deliveries,
    page_of_webhooks,
    remove_old_deliveries,
    retry_delay_s,
    settle_delivery,
)
from tests.jobs.making import queued_job, running_job

OK, REFUSED = Outcome(200), Outcome(500, "the answer was 500")


def hook(database: Database, *events: EventType, url: str = "https://example.org/") -> str:
    with database.write() as session:
        return add_webhook(session, url, events or EVENT_TYPES, "a secret of its own").id


def deliveries(database: Database, webhook_id: str) -> list[WebhookDelivery]:
    """The oldest first."""
    with database.read() as session:
        page, _ = list_deliveries(session, webhook_id, limit=1000)
    return page[::-1]


def types(database: Database, webhook_id: str) -> list[str]:
    return [delivery.type for delivery in deliveries(database, webhook_id)]


def claim_next(database: Database) -> Claimed | None:
    with database.write() as session:
        return claim_delivery(session)


def take(database: Database) -> Claimed:
    claimed = claim_next(database)
    assert claimed is not None
    return claimed


def settle(database: Database, claimed: Claimed, outcome: Outcome) -> None:
    with database.write() as session:
        settle_delivery(session, claimed, outcome)


def rewrite(database: Database, table: type[Webhook] | type[WebhookDelivery], **values: Any) -> None:
    with database.write() as session:
        session.execute(update(table).values(**values))


def make_due(database: Database) -> None:
    rewrite(database, WebhookDelivery, next_attempt_at=now_s() - 1)


def test_every_change_of_a_jobs_status_is_told_in_order(database: Database, settings: Settings) -> None:
    webhook_id = hook(database)
    job = running_job(database, settings, name="mine")
    with database.write() as session:
        end(session, job.id, 1, Status.SUCCEEDED, ended_by="epochs")
    found = deliveries(database, webhook_id)
    assert [each.type for each in found] == ["job.queued", "job.running", "job.succeeded"]
    assert found[-1].data == {
        "job_id": job.id,
        "attempt": 1,
        "name": "mine",
        "step": 0,
        "total_steps": job.total_steps,
        "status": "succeeded",
        "ended_by": "epochs",
    }
    assert len({each.id for each in found}) == 3


def test_a_failure_tells_its_error_and_a_cancel_comes_too(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.failed", "job.cancelled")
    job, waiting = running_job(database, settings), queued_job(database, settings)
    error = job_error("diverged", "the loss is not finite", 1)
    with database.write() as session:
        fail(session, job.id, 1, error)
        request_cancel(session, waiting.id)
    failed, cancelled = deliveries(database, webhook_id)
    assert (failed.type, failed.data["error"]) == ("job.failed", error)
    assert (cancelled.type, cancelled.data["job_id"]) == ("job.cancelled", waiting.id)


def test_a_webhook_is_told_of_what_it_asked_for_alone(database: Database, settings: Settings) -> None:
    of_alerts, of_queued = hook(database, "alert"), hook(database, "job.queued")
    job = running_job(database, settings)
    with database.write() as session:
        record_event(session, job.id, 1, "alert", {"rule": 0})
        record_event(session, job.id, 1, "log", {"lines": []})
    assert types(database, of_alerts) == ["alert"]
    assert types(database, of_queued) == ["job.queued"]


def test_a_change_that_is_rolled_back_is_told_to_nobody(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.cancelled")
    job = queued_job(database, settings)
    with database.write() as session:
        request_cancel(session, job.id)
        session.rollback()  # as if the process had died here
    assert deliveries(database, webhook_id) == []


def test_what_was_told_of_a_deleted_job_stays(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.cancelled", "job.deleted")
    job = queued_job(database, settings, name="gone")
    with database.write() as session:
        request_cancel(session, job.id)
    with database.write() as session:
        delete_job(session, job.id)
    cancelled, deleted = deliveries(database, webhook_id)
    assert (cancelled.data["job_id"], cancelled.data["name"]) == (job.id, "gone")
    assert (deleted.type, deleted.data) == ("job.deleted", {"job_id": job.id, "attempt": 0})
    assert take(database).delivery_id == cancelled.id


def test_a_delivery_is_claimed_once_and_delivered_once(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.queued")
    queued_job(database, settings)
    claimed = take(database)
    assert (claimed.attempt, claimed.url, claimed.secret) == (
        1,
        "https://example.org/",
        "a secret of its own",
    )
    assert claim_next(database) is None
    settle(database, claimed, OK)
    assert claim_next(database) is None
    (delivery,) = deliveries(database, webhook_id)
    assert (delivery.status, delivery.attempts, delivery.response_code) == ("delivered", 1, 200)
    assert delivery.delivered_at is not None


def test_of_many_senders_one_gets_each_delivery(database: Database, settings: Settings) -> None:
    for _ in range(3):
        hook(database, "job.queued")
    queued_job(database, settings)
    claims: list[Claimed | None] = []
    threads = [threading.Thread(target=lambda: claims.append(claim_next(database))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (late := claim_next(database)) is not None:  # passed over because another looked at its row
        claims.append(late)
    claimed = [claim.delivery_id for claim in claims if claim is not None]
    assert len(claimed) == len(set(claimed)) == 3


def test_a_webhook_is_sent_one_at_a_time_and_the_oldest_first(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.queued")
    first, second = queued_job(database, settings), queued_job(database, settings)
    claimed = take(database)
    assert claimed.data["job_id"] == first.id
    assert claim_next(database) is None, "the receiver may be slow"
    settle(database, claimed, OK)
    assert take(database).data["job_id"] == second.id
    assert len(deliveries(database, webhook_id)) == 2


def test_what_a_sender_has_died_with_is_sent_again_and_its_late_word_changes_nothing(
    database: Database, settings: Settings
) -> None:
    webhook_id = hook(database, "job.queued")
    queued_job(database, settings)
    lost = take(database)
    rewrite(database, Webhook, lease_expires_at=now_s() - 1)
    again = take(database)
    assert (again.delivery_id, again.attempt) == (lost.delivery_id, 2)
    settle(database, lost, OK)
    assert [each.status for each in deliveries(database, webhook_id)] == ["pending"]
    assert claim_next(database) is None, "the second sender still has it"
    settle(database, again, OK)
    assert [each.status for each in deliveries(database, webhook_id)] == ["delivered"]


def test_one_that_fails_is_tried_again_later(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "FIRST_DELAY_S", 1000)  # later than this test looks
    webhook_id = hook(database, "job.queued")
    queued_job(database, settings)
    settle(database, take(database), Outcome(None, "x" * 500))
    with database.read() as session:
        assert not is_any_due(session)
    (delivery,) = deliveries(database, webhook_id)
    assert (delivery.status, delivery.attempts, delivery.response_code) == ("pending", 1, None)
    assert delivery.error is not None
    assert len(delivery.error) <= 200
    make_due(database)
    settle(database, take(database), OK)
    (delivery,) = deliveries(database, webhook_id)
    assert (delivery.status, delivery.attempts, delivery.error) == ("delivered", 2, None)


def test_delays_double_up_to_an_hour_and_vary_by_a_fifth() -> None:
    for attempt in range(1, 60):
        plain = min(FIRST_DELAY_S * 2 ** (attempt - 1), LONGEST_DELAY_S)
        assert 0.8 * plain <= retry_delay_s(attempt) <= 1.2 * plain


def test_a_delivery_is_given_up_after_a_day_and_a_webhook_that_took_nothing_meanwhile_is_disabled(
    database: Database, settings: Settings
) -> None:
    webhook_id = hook(database, "job.queued")
    queued_job(database, settings)
    queued_job(database, settings)
    settle(database, take(database), REFUSED)
    make_due(database)
    rewrite(database, Webhook, failing_since=now_s() - GIVE_UP_S)
    with database.write() as session:
        oldest = select(WebhookDelivery.number).order_by(WebhookDelivery.number).limit(1).scalar_subquery()
        aged = {"created_at": now_s() - GIVE_UP_S, "next_attempt_at": now_s() - 100}
        session.execute(update(WebhookDelivery).where(WebhookDelivery.number == oldest).values(**aged))
    settle(database, take(database), REFUSED)
    first, second = deliveries(database, webhook_id)
    assert (first.status, first.next_attempt_at, first.error) == ("failed", None, "the answer was 500")
    assert (second.status, second.error) == ("failed", "the webhook was disabled")
    with database.read() as session:
        ((webhook,), _) = page_of_webhooks(session, limit=10)
    assert (webhook.status, webhook.detail) == ("disabled", "no delivery has succeeded in 2 attempts")
    queued_job(database, settings)
    assert len(deliveries(database, webhook_id)) == 2, "it is told of nothing more"


def test_one_that_its_receiver_alone_refuses_disables_nothing(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.queued")
    queued_job(database, settings)
    rewrite(database, WebhookDelivery, created_at=now_s() - GIVE_UP_S)
    settle(database, take(database), REFUSED)
    with database.read() as session:
        ((webhook,), _) = page_of_webhooks(session, limit=10)
    assert (webhook.status, webhook.failures) == ("enabled", 1)
    assert [each.status for each in deliveries(database, webhook_id)] == ["failed"]


def test_a_success_ends_the_count_of_failures(database: Database, settings: Settings) -> None:
    hook(database, "job.queued")
    queued_job(database, settings)
    settle(database, take(database), REFUSED)
    make_due(database)
    settle(database, take(database), OK)
    with database.read() as session:
        ((webhook,), _) = page_of_webhooks(session, limit=10)
    assert (webhook.failures, webhook.failing_since) == (0, None)


def test_a_webhook_that_is_deleted_while_something_is_sent_leaves_nothing(
    database: Database, settings: Settings
) -> None:
    webhook_id = hook(database, "job.queued")
    queued_job(database, settings)
    claimed = take(database)
    with database.write() as session:
        delete_webhook(session, webhook_id)
    settle(database, claimed, OK)
    with database.read() as session:
        assert session.scalars(select(WebhookDelivery)).all() == []
    with pytest.raises(NotFound), database.read() as session:
        list_deliveries(session, webhook_id, limit=1)


def test_a_webhook_that_is_deleted_while_a_job_changes_undoes_no_change(
    database: Database, settings: Settings
) -> None:
    webhook_id = hook(database, "job.cancelled")
    job = queued_job(database, settings)

    def delete_it() -> None:
        with database.write() as session:
            delete_webhook(session, webhook_id)

    deleting = threading.Thread(target=delete_it)
    with database.write() as session:
        request_cancel(session, job.id)
        deleting.start()
        deleting.join(0.3)  # on PostgreSQL it would otherwise be through with it
        assert deleting.is_alive(), "it waits for the change"
    deleting.join()
    with database.read() as session:
        assert get_job(session, job.id).status == "cancelled"
        assert session.scalars(select(WebhookDelivery)).all() == []


def test_deliveries_that_ended_a_week_ago_are_forgotten_and_those_that_wait_are_not(
    database: Database, settings: Settings
) -> None:
    webhook_id = hook(database, "job.queued", "job.cancelled")
    job = queued_job(database, settings)
    settle(database, take(database), OK)
    with database.write() as session:
        request_cancel(session, job.id)
    rewrite(database, WebhookDelivery, created_at=now_s() - KEPT_S - 1)
    with database.write() as session:
        remove_old_deliveries(session)
    assert types(database, webhook_id) == ["job.cancelled"]


def test_pages_go_on_behind_a_delivery(database: Database, settings: Settings) -> None:
    webhook_id = hook(database, "job.queued", "job.running")
    job = running_job(database, settings)
    with database.write() as session:
        stop(session, job.id, 1, "the worker is shutting down")
    seen: list[str] = []
    after = None
    while True:
        with database.read() as session:
            page, has_more = list_deliveries(session, webhook_id, 1, after)
        seen += [each.type for each in page]
        if not has_more:
            break
        after = page[-1].id
    assert seen == ["job.queued", "job.running", "job.queued"]
    with pytest.raises(BadCursor), database.read() as session:
        list_deliveries(session, webhook_id, 1, "delivery-0")
