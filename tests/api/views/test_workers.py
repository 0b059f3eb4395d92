"""GET /workers"""

from datetime import datetime

from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from tests.jobs.ages import without_age
from tests.jobs.making import CALIBRATION, announce_worker, running_job, silence_worker


def test_without_workers_the_list_is_empty(client: FlaskClient) -> None:
    response = client.get("/workers")
    assert (response.status_code, response.get_json()) == (
        200,
        {"object": "list", "data": [], "has_more": False},
    )


def test_workers_say_what_they_are_at_the_oldest_first(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    announce_worker(database, "generate", age_s=5, pid=7)
    announce_worker(
        database,
        "train",
        id="worker-1",
        age_s=10,
        state_age_s=2,
        job_id=job.id,
        memory_bytes=2**33,
        device="cpu",
        calibration=CALIBRATION.to_json(),
    )
    trains, generates = client.get("/workers").get_json()["data"]
    times = [datetime.fromisoformat(trains.pop(name)) for name in ("started_at", "since", "heard_at")]
    assert times == sorted(times)
    assert trains == {
        "id": "worker-1",
        "object": "worker",
        "queue": "train",
        "host": "here",
        "pid": 1,
        "status": "busy",
        "detail": None,
        "job_id": job.id,
        "memory_bytes": 2**33,
        "device": "cpu",
        "calibration": CALIBRATION.to_json(),
    }
    assert (generates["device"], generates["calibration"]) == (None, None)
    assert (generates["pid"], generates["status"], generates["job_id"]) == (7, "idle", None)


def test_a_lost_and_a_hung_worker_say_why(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    silence_worker(database, announce_worker(database, "train"), settings.lease_s + 1)
    announce_worker(database, "generate", listening=False)
    workers = {worker["id"]: worker for worker in client.get("/workers").get_json()["data"]}
    assert workers["train-1"]["status"] == "lost"
    detail = without_age(workers["train-1"]["detail"], settings.lease_s + 1)
    assert detail == "no sign of life for N s"
    assert workers["generate-1"]["status"] == "hung"
    assert "no longer listens" in workers["generate-1"]["detail"]


def test_an_unknown_parameter_is_refused(client: FlaskClient) -> None:
    assert client.get("/workers?status=busy").status_code == 422


def test_what_another_version_has_measured_is_not_shown(client: FlaskClient, database: Database) -> None:
    announce_worker(database, "train", device="cpu", calibration={"rates": {"float32": {"unknown": 1}}})
    (worker,) = client.get("/workers").get_json()["data"]
    assert (worker["device"], worker["calibration"]) == ("cpu", None)
