"""GET /metrics"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from api.monitoring import stored_figures
from jobs.broker.generation import Begun, Message, Piece
from jobs.lifecycle.metrics import record_metrics
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.tables import Job
from jobs.store.viewers import Right
from jobs.store.webhooks import add_webhook
from tests.api.callers import caller
from tests.api.conftest import Serve, generation_worker, without_tokens
from tests.api.seeds import checkpoint, ended_job, evaluate
from tests.clocks import replace_clock
from tests.jobs.making import announce_worker, queued_job, running_job, silence_worker

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(client: FlaskClient) -> Samples:
    """Every sample by its name and labels, as Prometheus' own parser reads them."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def names(samples: Samples) -> set[str]:
    return {name for name, _ in samples}


def test_jobs_are_counted_by_status_and_every_status_has_a_value(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    queued_job(database, settings)
    queued_job(database, settings)
    ended_job(database, settings, Status.FAILED)
    samples = scrape(client)
    assert value(samples, "pretrain_database_up") == 1
    assert {status: value(samples, "pretrain_jobs", status=status) for status in Status} == {
        "queued": 2,
        "running": 0,
        "paused": 0,
        "succeeded": 0,
        "failed": 1,
        "cancelled": 0,
    }


def test_the_queue_says_how_many_wait_and_the_age_of_the_oldest(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    oldest, _ = queued_job(database, settings), queued_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == oldest.id).values(queued_at=now_s() - 500))
    samples = scrape(client)
    assert value(samples, "pretrain_queue_jobs", queue="train") == 2
    age_s = value(samples, "pretrain_queue_oldest_job_age_seconds", queue="train")
    assert age_s is not None
    assert 500 <= age_s < 600


def test_an_empty_queue_has_no_age(client: FlaskClient) -> None:
    samples = scrape(client)
    assert value(samples, "pretrain_queue_jobs", queue="train") == 0
    assert value(samples, "pretrain_queue_oldest_job_age_seconds", queue="train") == 0


def test_workers_are_counted_by_queue_and_status(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    announce_worker(database, "train", id="train-1")
    silence_worker(database, announce_worker(database, "train", id="train-2"), settings.lease_s + 1)
    samples = scrape(client)
    assert value(samples, "pretrain_workers", queue="train", status="idle") == 1
    assert value(samples, "pretrain_workers", queue="train", status="lost") == 1
    assert value(samples, "pretrain_workers", queue="generate", status="idle") == 0


def test_a_running_job_shows_its_speed_and_its_last_losses_and_one_that_has_ended_does_not(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    evaluate(database, job, 2)
    started = running_job(database, settings)
    ended = ended_job(database, settings, Status.SUCCEEDED)
    samples = scrape(client)
    assert value(samples, "pretrain_job_step", job_id=job.id) == 6
    assert value(samples, "pretrain_job_total_steps", job_id=job.id) == job.total_steps
    assert value(samples, "pretrain_job_tokens_per_second", job_id=job.id) == 100
    assert value(samples, "pretrain_job_train_loss", job_id=job.id) == 8
    assert value(samples, "pretrain_job_val_loss", job_id=job.id) == 9.5
    assert value(samples, "pretrain_job_step", job_id=started.id) == 0
    assert value(samples, "pretrain_job_val_loss", job_id=started.id) is None
    assert not any(("job_id", ended.id) in labels for _, labels in samples)


def test_a_running_job_shows_the_newest_of_its_devices_figures_and_none_that_were_not_measured(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        for gpu_utilization in (10.0, 95.0):
            figures = {"step": 1, "elapsed_s": 1.0, "cpu_percent": 150.0, "memory_bytes": 2**20}
            record_metrics(session, job.id, 1, {**figures, "gpu_utilization": gpu_utilization})
    samples = scrape(client)
    assert value(samples, "pretrain_job_cpu_ratio", job_id=job.id) == 1.5
    assert value(samples, "pretrain_job_memory_bytes", job_id=job.id) == 2**20
    assert value(samples, "pretrain_job_gpu_utilization_ratio", job_id=job.id) == 0.95
    assert value(samples, "pretrain_job_gpu_power_watts", job_id=job.id) is None


def test_webhooks_tell_how_many_there_are_and_what_they_have_yet_to_be_told(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    with database.write() as session:
        add_webhook(session, "https://example.org/", ["job.queued"], "a secret of its own")
    queued_job(database, settings)
    samples = scrape(client)
    assert value(samples, "pretrain_webhooks", status="enabled") == 1
    assert value(samples, "pretrain_webhooks", status="disabled") == 0
    assert value(samples, "pretrain_webhook_deliveries_pending") == 1


def test_the_process_tells_its_memory_its_processor_time_and_its_open_files(client: FlaskClient) -> None:
    samples = scrape(client)
    assert (value(samples, "process_resident_memory_bytes") or 0) > 2**20
    assert (value(samples, "process_open_fds") or 0) > 2
    assert (value(samples, "process_cpu_seconds_total") or 0) > 0


def test_without_a_database_the_process_still_answers(bare_client: FlaskClient) -> None:
    samples = scrape(bare_client)
    assert value(samples, "pretrain_database_up") == 0
    assert value(samples, "process_open_fds") is not None
    assert "pretrain_jobs" not in names(samples)


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of one that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_database_that_hangs_does_not_hold_a_scrape_up(
    serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_figures, "TIMEOUT_S", 0.2)
    with silent_server() as port:
        url = f"postgresql+psycopg://user:secret@127.0.0.1:{port}/name"
        client = without_tokens(serve(settings.model_copy(update={"database_url": url})))
        began_s = time.monotonic()
        for _ in range(3):
            assert value(scrape(client), "pretrain_database_up") == 0
        assert time.monotonic() - began_s < 12, "PostgreSQL's own limit is 5 s, for each"


def test_those_who_ask_within_a_second_share_one_look_at_the_database(
    client: FlaskClient, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    replace_clock(monkeypatch, stored_figures, monotonic=lambda: now_s[0])
    assert value(scrape(client), "pretrain_jobs", status="queued") == 0
    queued_job(database, settings)
    now_s[0] += 0.9
    assert value(scrape(client), "pretrain_jobs", status="queued") == 0
    now_s[0] += 0.2
    assert value(scrape(client), "pretrain_jobs", status="queued") == 1


def three_tokens(_: object) -> list[Message]:
    return [
        Begun(step=1, prompt_tokens=4, seed=1, prompt_truncated=False),
        Piece(number=0, text=" you", completion_tokens=3, tokens_per_s=10.0, finish_reason="length"),
    ]


def test_a_generation_is_measured(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    checkpoint(database, job, 1)
    before = scrape(client)
    with generation_worker(settings, three_tokens):
        assert client.get(f"/generate?prompt=Every&job_id={job.id}").status_code == 200
    after = scrape(client)

    def grown(name: str, **labels: str) -> float:
        return (value(after, name, **labels) or 0) - (value(before, name, **labels) or 0)

    assert grown("pretrain_generation_time_to_first_token_seconds_count") == 1
    assert grown("pretrain_generation_duration_seconds_count", outcome="complete") == 1
    assert grown("pretrain_generation_tokens_total", kind="prompt") == 4
    assert grown("pretrain_generation_tokens_total", kind="completion") == 3


def test_a_running_jobs_figures_are_told_to_those_who_may_see_it(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    anas, bobs, shared = (running_job(database, settings) for _ in range(3))
    with database.write() as session:
        for job, owner in ((anas, "ana"), (bobs, "bob"), (shared, "bob")):
            session.execute(update(Job).where(Job.id == job.id).values(owner=owner, shared=job is shared))
    told = {
        owner: {
            dict(labels)["job_id"]
            for name, labels in scrape(caller(client, owner, right))
            if name.startswith("pretrain_job_")
        }
        for owner, right in (("ana", Right.READ), ("bob", Right.WRITE), ("root", Right.ADMIN))
    }
    assert told == {
        "ana": {anas.id, shared.id},
        "bob": {bobs.id, shared.id},
        "root": {anas.id, bobs.id, shared.id},
    }
