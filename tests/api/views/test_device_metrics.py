"""GET /jobs/<id>/metrics"""

import pytest
from flask.testing import FlaskClient

from jobs.lifecycle.metrics import record_metrics
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.making import queued_job, running_job

pytestmark = pytest.mark.sqlite_will_do


def record(database: Database, job: Job, count: int) -> None:
    with database.write() as session:
        for number in range(count):
            values = {
                "step": 10 * number,
                "elapsed_s": 5.0 * number,
                "cpu_percent": 150.0,
                "memory_bytes": 2**31,
            }
            record_metrics(session, job.id, job.attempt, values)


def test_a_job_that_nobody_has_run_has_none(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    response = client.get(f"/jobs/{queued_job(database, settings).id}/metrics")
    assert response.get_json() == {"object": "list", "data": [], "has_more": False}


def test_they_are_listed_over_time_with_null_for_what_is_not_measured(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    record(database, job, 2)
    first, second = client.get(f"/jobs/{job.id}/metrics").get_json()["data"]
    assert second.pop("recorded_at") >= first.pop("recorded_at")
    assert second == {
        "attempt": 1,
        "step": 10,
        "elapsed_s": 5.0,
        "tokens_per_s": None,
        "mfu": None,
        "cpu_percent": 150.0,
        "memory_bytes": 2**31,
        "gpu_utilization": None,
        "gpu_memory_bytes": None,
        "gpu_power_w": None,
    }


def test_only_what_is_new_or_a_few_of_them_can_be_asked_for(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    record(database, job, 20)

    def elapsed(query: str) -> list[float]:
        data = client.get(f"/jobs/{job.id}/metrics?{query}").get_json()["data"]
        return [row["elapsed_s"] for row in data]

    assert elapsed("since_elapsed_s=85.0") == [90.0, 95.0]
    assert elapsed("since_elapsed_s=95") == []
    assert elapsed("max_points=6") == [0.0, 20.0, 40.0, 60.0, 80.0, 95.0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("max_points=3", "max_points"),
        ("max_points=2049", "max_points"),
        ("since_elapsed_s=-1", "since_elapsed_s"),
    ],
)
def test_a_query_that_means_nothing_is_refused(
    client: FlaskClient, database: Database, settings: Settings, query: str, field: str
) -> None:
    response = client.get(f"/jobs/{running_job(database, settings).id}/metrics?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == [field]


def test_a_job_that_there_is_not_is_404(client: FlaskClient, database: Database) -> None:
    assert client.get("/jobs/job-0/metrics").status_code == 404
