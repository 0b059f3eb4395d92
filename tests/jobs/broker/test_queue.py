import socket
from collections.abc import Iterator

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from jobs.broker import queue
from jobs.broker.queue import (
    GENERATE_QUEUE,
    TRAIN_QUEUE,
    make_celery,
    make_redis,
    publish,
    publish_if_possible,
)
from jobs.settings import Settings
from tests.waiting import PATIENCE_S


def test_a_message_rings_and_carries_nothing(settings: Settings) -> None:
    celery = make_celery(settings)
    publish(celery, TRAIN_QUEUE)
    with celery.connection_for_read() as connection, connection.SimpleQueue(TRAIN_QUEUE) as messages:
        arguments, keywords, _ = messages.get(timeout=PATIENCE_S).decode()
    assert (list(arguments), keywords) == ([], {})


def test_messages_of_the_version_before_are_taken_whatever_list_their_priority_put_them_on(
    settings: Settings,
) -> None:
    celery = make_celery(settings)
    for priority in range(10):
        publish_as_before(celery, f"job-{priority}", priority)
    assert len(make_redis(settings).keys(f"{TRAIN_QUEUE}*")) == 10
    with celery.connection_for_read() as connection, connection.SimpleQueue(TRAIN_QUEUE) as messages:
        taken = [messages.get(timeout=PATIENCE_S).decode()[0][0] for _ in range(10)]
    assert sorted(taken) == [f"job-{priority}" for priority in range(10)]


def publish_as_before(celery: Celery, job_id: str, priority: int) -> None:
    celery.send_task("pretrain.train", args=[job_id], queue=TRAIN_QUEUE, priority=priority, retry=False)


def test_a_broker_that_is_away_is_an_error_of_kombus(settings: Settings) -> None:
    celery = make_celery(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    celery.conf.broker_transport_options |= {"max_retries": 1, "interval_start": 0}
    with pytest.raises(OperationalError):
        publish(celery, GENERATE_QUEUE)


def test_a_broker_that_did_not_answer_is_not_waited_for_again_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.setblocking(False)
        url = f"redis://127.0.0.1:{broker.getsockname()[1]}/0"
        celery = make_celery(settings.model_copy(update={"redis_url": url}))
        celery.conf.broker_transport_options |= {
            "socket_timeout": 0.2,
            "socket_connect_timeout": 0.2,
            "max_retries": 1,
            "interval_start": 0,
        }

        def connections() -> int:
            publish_if_possible(celery, TRAIN_QUEUE)
            return len(list(accepted(broker)))

        monkeypatch.setattr(queue, "AWAY_S", 1000)  # longer than it takes to look again
        assert connections() > 0
        assert connections() == 0
        monkeypatch.setattr(queue, "AWAY_S", 0)
        queue._away_until_s.clear()
        assert connections() > 0
        assert connections() > 0


def accepted(server: socket.socket) -> Iterator[None]:
    """The connections that wait, closed."""
    while True:
        try:
            connection, _ = server.accept()
        except BlockingIOError:
            return
        connection.close()
        yield
