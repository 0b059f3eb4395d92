import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from jobs.broker.queue import GENERATE_QUEUE, TRAIN_QUEUE, make_celery, make_redis, publish
from jobs.settings import Settings


def test_a_message_rings_and_carries_nothing(settings: Settings) -> None:
    celery = make_celery(settings)
    publish(celery, TRAIN_QUEUE)
    with celery.connection_for_read() as connection, connection.SimpleQueue(TRAIN_QUEUE) as queue:
        arguments, keywords, _ = queue.get(timeout=5).decode()
    assert (list(arguments), keywords) == ([], {})


def test_messages_of_the_version_before_are_taken_whatever_list_their_priority_put_them_on(
    settings: Settings,
) -> None:
    celery = make_celery(settings)
    for priority in range(10):
        publish_as_before(celery, f"job-{priority}", priority)
    assert len(make_redis(settings).keys(f"{TRAIN_QUEUE}*")) == 10
    with celery.connection_for_read() as connection, connection.SimpleQueue(TRAIN_QUEUE) as queue:
        taken = [queue.get(timeout=5).decode()[0][0] for _ in range(10)]
    assert sorted(taken) == [f"job-{priority}" for priority in range(10)]


def publish_as_before(celery: Celery, job_id: str, priority: int) -> None:
    celery.send_task("pretrain.train", args=[job_id], queue=TRAIN_QUEUE, priority=priority, retry=False)


def test_a_broker_that_is_away_is_an_error_of_kombus(settings: Settings) -> None:
    celery = make_celery(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    celery.conf.broker_transport_options |= {"max_retries": 1, "interval_start": 0}
    with pytest.raises(OperationalError):
        publish(celery, GENERATE_QUEUE)
