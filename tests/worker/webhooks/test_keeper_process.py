"""Real keepers, one of which is killed while it sends."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import update

from jobs.settings import Settings
from jobs.store.database import Database, now_s
from jobs.store.tables import Webhook
from jobs.store.webhooks import add_webhook, list_deliveries
from tests.client.running import environment_on
from tests.jobs.making import queued_job
from tests.waiting import wait_until
from tests.worker.webhooks.receiver import answer, receiving


@contextmanager
def keeper(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = environment_on(
        settings.data_dir,
        PRETRAIN_DATABASE_URL=settings.database,
        PRETRAIN_REDIS_URL=settings.redis,
        PRETRAIN_WEBHOOK_ALLOW_PRIVATE="127.0.0.0/8",
    )
    process = subprocess.Popen([sys.executable, "-m", "worker.keeper"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_what_a_killed_keeper_was_sending_the_next_one_sends_again_under_the_same_id(
    database: Database, settings: Settings
) -> None:
    may_answer = threading.Event()

    def once_the_keeper_is_dead(handler: object) -> None:
        may_answer.wait(60)

    with receiving(once_the_keeper_is_dead, answer(200)) as receiver:  # type: ignore[arg-type]
        with database.write() as session:
            webhook = add_webhook(session, receiver.url, ["job.queued"], "a secret of its own")
        job = queued_job(database, settings)
        with keeper(settings) as first:
            wait_until(lambda: len(receiver.received) == 1, "it was being sent")
            first.send_signal(signal.SIGKILL)
            first.wait()
        may_answer.set()
        with database.write() as session:  # as if the lease had run out
            session.execute(update(Webhook).values(lease_expires_at=now_s() - 1))

        def is_delivered() -> bool:
            with database.read() as session:
                ((delivery,), _) = list_deliveries(session, webhook.id, limit=10)
            return (delivery.status, delivery.attempts) == ("delivered", 2)

        with keeper(settings):
            wait_until(is_delivered, "another keeper had sent it")
    first_body, second_body = (json.loads(received.body) for received in receiver.received)
    assert first_body == second_body
    assert first_body["data"]["job_id"] == job.id


@pytest.mark.slow
def test_a_keeper_ends_at_once_though_a_receiver_is_slow(database: Database, settings: Settings) -> None:
    may_answer = threading.Event()

    def slowly(handler: object) -> None:
        may_answer.wait(60)

    with receiving(slowly) as receiver:  # type: ignore[arg-type]
        with database.write() as session:
            add_webhook(session, receiver.url, ["job.queued"], "a secret of its own")
        queued_job(database, settings)
        with keeper(settings) as process:
            wait_until(lambda: len(receiver.received) == 1, "it was being sent")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert not may_answer.is_set(), "nobody waited for the receiver"
        may_answer.set()
