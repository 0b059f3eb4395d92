from jobs.database import Database
from jobs.queue import make_celery, make_redis, publish_job, waiting_messages
from jobs.settings import Settings
from tests.jobs.making import queued_job


def test_a_message_carries_the_jobs_id_and_nothing_else(database: Database, settings: Settings) -> None:
    celery = make_celery(settings)
    job = queued_job(database, settings, name="secret")
    publish_job(celery, job)
    with celery.connection_for_read() as connection, connection.SimpleQueue("train") as queue:
        message = queue.get(timeout=5)
        arguments, keywords, _ = message.decode()
    assert (arguments, keywords) == ([job.id], {})
    assert "secret" not in str(message.headers)


def test_messages_of_every_priority_are_counted(database: Database, settings: Settings) -> None:
    celery, redis = make_celery(settings), make_redis(settings)
    assert waiting_messages(redis, "train") == 0
    for priority in (0, 5, 9):
        publish_job(celery, queued_job(database, settings, priority=priority))
    assert waiting_messages(redis, "train") == 3


def test_a_job_of_higher_priority_is_taken_first(database: Database, settings: Settings) -> None:
    celery = make_celery(settings)
    made = {}
    for priority in (0, 9, 4):
        job = queued_job(database, settings, priority=priority)
        made[job.id] = priority
        publish_job(celery, job)
    with celery.connection_for_read() as connection:
        channel = connection.channel()
        order = []
        while (message := channel.basic_get("train", no_ack=True)) is not None:
            order.append(made[message.decode()[0][0]])
    assert order == [9, 4, 0]
