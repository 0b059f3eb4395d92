from itertools import pairwise

import pytest
from sqlalchemy import func, insert, select

from jobs.lifecycle import metrics
from jobs.lifecycle.attempts import Fenced, claim, end, stop
from jobs.lifecycle.history import record_evaluation
from jobs.lifecycle.metrics import elapsed_before, interval_at, list_metrics, record_metrics, trained_before
from jobs.lifecycle.requests import delete_job
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import DeviceMetrics, Job
from tests.jobs.lifecycle.recorded import evaluation
from tests.jobs.making import running_job


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    return running_job(database, settings)


def record(database: Database, job: Job, elapsed_s: float, **values: object) -> int:
    with database.write() as session:
        return record_metrics(session, job.id, job.attempt, {"elapsed_s": elapsed_s, "step": 7, **values})


def numbers(database: Database, job: Job, **query: float) -> list[int]:
    with database.read() as session:
        return [row.number for row in list_metrics(session, job.id, **query)]  # type: ignore[arg-type]


def test_rows_are_listed_in_their_order_with_what_was_measured(database: Database, job: Job) -> None:
    assert record(database, job, 5.0, cpu_percent=180.5, memory_bytes=2**33, tokens_per_s=900.0) == 1
    assert record(database, job, 10.0, mfu=0.41, gpu_utilization=99.0, gpu_memory_bytes=2**36) == 1
    with database.read() as session:
        first, second = list_metrics(session, job.id)
        assert elapsed_before(session, job.id) == 10.0
    assert (first.number, first.attempt, first.step, first.elapsed_s) == (0, 1, 7, 5.0)
    assert (first.cpu_percent, first.memory_bytes, first.mfu, first.gpu_power_w) == (180.5, 2**33, None, None)
    assert (second.mfu, second.gpu_utilization, second.gpu_memory_bytes) == (0.41, 99.0, 2**36)
    assert second.recorded_at >= first.recorded_at > 1e9
    assert numbers(database, job, since_elapsed_s=5.0) == [1]


def test_the_training_time_so_far_is_that_of_whatever_was_recorded_last(database: Database, job: Job) -> None:
    def trained() -> float:
        with database.read() as session:
            return trained_before(session, job.id)

    assert trained() == 0.0
    with database.write() as session:
        record_evaluation(session, job.id, job.attempt, {**evaluation(0, 9.0), "elapsed_s": 2.5})
    assert trained() == 2.5
    record(database, job, 5.0)
    assert trained() == 5.0
    with database.write() as session:
        record_evaluation(session, job.id, job.attempt, {**evaluation(5, 8.0), "elapsed_s": 7.25})
    assert trained() == 7.25


def test_an_attempt_that_has_been_overtaken_records_nothing(database: Database, job: Job) -> None:
    with database.write() as session:
        stop(session, job.id, job.attempt, "drained")
        assert claim(session, job.id, "worker-2", lease_s=30) is not None
    with pytest.raises(Fenced):
        record(database, job, 5.0)
    assert numbers(database, job) == []


def test_they_go_with_their_job(database: Database, job: Job) -> None:
    record(database, job, 5.0)
    with database.write() as session:
        end(session, job.id, job.attempt, Status.CANCELLED)
        delete_job(session, job.id)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DeviceMetrics)) == 0


def test_however_long_a_job_trains_its_rows_are_bounded_and_evenly_apart(
    database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_ROWS", 8)
    reading, skip, recorded = 0, 0, []
    for reading in range(100):  # as a supervisor takes them
        if skip:
            skip -= 1
            continue
        skip = record(database, job, float(reading)) - 1
        recorded.append(reading)
        with database.read() as session:
            rows = list_metrics(session, job.id)
        assert len(rows) <= 8
        gaps = {later.elapsed_s - row.elapsed_s for row, later in pairwise(rows)}
        assert len(gaps) <= 1
        assert (rows[0].elapsed_s, rows[-1].elapsed_s) == (0.0, reading)
    assert recorded[:10] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    assert 90 < recorded[-1] < 100


def test_an_interval_is_the_power_of_two_that_leaves_room_for_a_row() -> None:
    assert [interval_at(number) for number in (0, 2047, 2048, 4095, 4096, 2**20)] == [1, 1, 2, 2, 4, 1024]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 64, 1000])
def test_a_few_points_are_evenly_apart_and_end_with_the_newest(
    database: Database, job: Job, count: int
) -> None:
    rows = [
        {"job_id": job.id, "number": n, "attempt": 1, "step": n, "elapsed_s": float(n), "recorded_at": 1.0}
        for n in range(count)
    ]
    with database.write() as session:
        session.execute(insert(DeviceMetrics), rows)
    found = numbers(database, job, max_points=10)
    assert len(found) <= 10
    assert len(found) >= min(count, 5)
    assert (found[0], found[-1]) == (0, count - 1)
    behind = numbers(database, job, max_points=10, since_elapsed_s=count / 2)
    assert len(behind) <= 10
    assert all(number > count / 2 for number in behind)
