"""From a job's change to its receiver."""

import hashlib
import hmac
import json
from ipaddress import ip_network

import pytest

from jobs.lifecycle.attempts import end
from jobs.settings import Settings
from jobs.states import Status
from jobs.store import webhooks as store
from jobs.store.database import Database, now_s
from jobs.store.tables import Webhook, WebhookDelivery
from jobs.store.webhooks import EVENT_TYPES, GIVE_UP_S, add_webhook, list_deliveries
from tests.jobs.making import queued_job, running_job
from tests.waiting import wait_until
from tests.worker.webhooks.receiver import Received, answer, receiving
from worker.webhooks import sender as sender_module
from worker.webhooks.sender import Sender

SECRET = "a secret of the receiver"


@pytest.fixture
def sender(settings: Settings, database: Database) -> Sender:
    here = settings.model_copy(update={"webhook_allow_private": (ip_network("127.0.0.0/8"),)})
    return Sender(here, database)


def add(database: Database, url: str) -> str:
    with database.write() as session:
        return add_webhook(session, url, EVENT_TYPES, SECRET).id


def statuses(database: Database, webhook_id: str) -> list[tuple[str, int | None, str | None]]:
    with database.read() as session:
        page, _ = list_deliveries(session, webhook_id, limit=100)
    return [(each.status, each.response_code, each.error) for each in page[::-1]]


def assert_is_signed(received: Received) -> None:
    fields = dict(part.split("=", 1) for part in received.headers["X-Pretrain-Signature"].split(","))
    signed = fields["t"].encode() + b"." + received.body
    assert fields["v1"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def test_a_delivery_says_what_happened_and_is_signed(
    sender: Sender, database: Database, settings: Settings
) -> None:
    with receiving() as receiver:
        webhook_id = add(database, receiver.url)
        job = running_job(database, settings, name="mine")
        with database.write() as session:
            end(session, job.id, 1, Status.SUCCEEDED, ended_by="epochs")
        while sender.send_next():
            pass
    bodies = [json.loads(received.body) for received in receiver.received]
    assert [body["type"] for body in bodies] == ["job.queued", "job.running", "job.succeeded"]
    assert bodies[-1].keys() == {"id", "type", "created_at", "data"}
    assert (bodies[-1]["data"]["job_id"], bodies[-1]["data"]["ended_by"]) == (job.id, "epochs")
    for received, body in zip(receiver.received, bodies, strict=True):
        assert_is_signed(received)
        assert received.headers["X-Pretrain-Delivery"] == body["id"]
        assert received.headers["Content-Type"] == "application/json"
    assert statuses(database, webhook_id) == [("delivered", 200, None)] * 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, "the answer was 500"),
        (404, "the answer was 404"),
        (307, "the answer was 307; redirects are not followed"),
    ],
)
def test_any_other_answer_than_a_success_is_tried_again_with_the_same_body(
    sender: Sender,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    error: str,
) -> None:
    monkeypatch.setattr(store, "FIRST_DELAY_S", store.LONGEST_DELAY_S)  # this machine may stall for seconds
    with receiving(answer(status), answer(202)) as receiver:
        webhook_id = add(database, receiver.url)
        queued_job(database, settings)
        assert sender.send_next()
        assert statuses(database, webhook_id) == [("pending", status, error)]
        assert not sender.send_next(), "it is not due yet"
        with database.write() as session:
            session.query(WebhookDelivery).update({"next_attempt_at": now_s() - 1})
        assert sender.send_next()
    assert statuses(database, webhook_id) == [("delivered", 202, None)]
    first, second = receiver.received
    assert first.body == second.body


def test_a_webhook_that_fails_is_logged_once_by_its_name_and_again_when_it_works(
    sender: Sender, database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger=sender_module.__name__)
    with receiving(answer(500), answer(500), answer(500), answer(200), answer(200)) as receiver:
        webhook_id = add(database, receiver.url + "/a-secret-path")
        for _ in range(2):
            queued_job(database, settings)
        for _ in range(5):
            assert sender.send_next()
            with database.write() as session:
                session.query(WebhookDelivery).update({"next_attempt_at": now_s() - 1})
    assert [status for status, *_ in statuses(database, webhook_id)] == ["delivered"] * 2
    name = f"webhook {webhook_id} (127.0.0.1)"
    assert [record.getMessage() for record in caplog.records] == [
        f"{name} begins to fail, and is tried again: the answer was 500",
        f"{name} works again",
    ]


def test_a_webhook_that_is_given_up_is_logged_by_its_name(
    sender: Sender, database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(answer(500), answer(500)) as receiver:
        webhook_id = add(database, receiver.url)
        queued_job(database, settings)
        assert sender.send_next()
        long_ago = now_s() - GIVE_UP_S
        with database.write() as session:
            session.query(WebhookDelivery).update({"next_attempt_at": now_s() - 1, "created_at": long_ago})
            session.query(Webhook).update({"failing_since": long_ago})
        assert sender.send_next()
    _, last = [record.getMessage() for record in caplog.records]
    assert last == (
        f"webhook {webhook_id} (127.0.0.1) is disabled, since none of its deliveries succeeds: "
        "the answer was 500"
    )


def test_one_that_may_not_be_reached_is_logged_as_such(database: Database, settings: Settings) -> None:
    with receiving() as receiver:
        webhook_id = add(database, receiver.url)
        queued_job(database, settings)
        assert Sender(settings, database).send_next()
    ((status, code, error),) = statuses(database, webhook_id)
    assert (status, code) == ("pending", None)
    assert error is not None
    assert "no public address" in error
    assert receiver.received == []


def test_a_slow_receiver_does_not_keep_the_others_waiting(
    sender: Sender, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(sender_module, "POLL_S", 0.02)
    may_answer = threading.Event()

    def slowly(handler: object) -> None:
        may_answer.wait(60)
        answer(200)(handler)  # type: ignore[arg-type]

    with receiving(slowly) as slow, receiving() as quick:
        add(database, slow.url)
        webhook_id = add(database, quick.url)
        for _ in range(3):
            queued_job(database, settings)
        sender.start()
        wait_until(lambda: [each[0] for each in statuses(database, webhook_id)] == ["delivered"] * 3)
        assert len(slow.received) == 1
        may_answer.set()
        wait_until(lambda: len(slow.received) == 3, "the slow one got its own")
        wait_until(no_lease(database), "all was settled")
        sender.stop()


def no_lease(database: Database):  # type: ignore[no-untyped-def]
    def is_free() -> bool:
        with database.read() as session:
            return all(webhook.lease_expires_at is None for webhook in session.query(Webhook))

    return is_free
