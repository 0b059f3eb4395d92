"""GET /jobs/<id>"""

from datetime import datetime

from flask.testing import FlaskClient
from sqlalchemy import update

from jobs.lifecycle.attempts import end, stop, succeed
from jobs.settings import Settings
from jobs.states import Status, job_error
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.seeds import ended_job, evaluate
from tests.jobs.making import announce_worker, queued_job, running_job


def test_a_queued_job_has_learnt_nothing(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = client.get(f"/jobs/{queued_job(database, settings).id}").get_json()
    assert (job["status"], job["attempt"], job["failures"]) == ("queued", 0, 0)
    assert (job["latest"], job["best"], job["error"], job["stopping"]) == (None, None, None, None)
    assert (job["started_at"], job["finished_at"]) == (None, None)
    assert job["progress"]["fraction"] == 0
    assert job["progress"]["remaining_s"] is None


def test_a_running_job_says_how_far_it_is_and_how_long_it_takes(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    running = running_job(database, settings)
    evaluate(database, running, count=3)
    job = client.get(f"/jobs/{running.id}").get_json()
    progress = job["progress"]
    assert (progress["step"], progress["epoch"], progress["tokens_seen"]) == (11, 1, 11 * 128)
    assert progress["fraction"] == 11 / progress["total_steps"]
    assert (progress["tokens_per_s"], progress["remaining_s"]) == (100.0, 75.5)
    assert job["latest"] == {"train_loss": 7.0, "val_loss": 9.75, "val_bpb": 2.25, "step": 10}
    assert job["best"] == {"val_loss": 9.5, "val_bpb": 2.0, "step": 5}


def test_a_job_that_waits_again_does_not_say_how_long_it_takes(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    running = running_job(database, settings)
    evaluate(database, running, count=1)
    with database.write() as session:
        stop(session, running.id, 1, "drained")
    assert client.get(f"/jobs/{running.id}").get_json()["progress"]["remaining_s"] is None


def test_a_stored_spec_that_cannot_be_read_is_shown_as_it_is(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    damaged = {**job.spec, "preset": "gone", "training": {"num_epochs": "many"}}
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(spec=damaged))
    assert client.get(f"/jobs/{job.id}").get_json()["spec"] == damaged
    assert client.get("/jobs").get_json()["data"][0]["spec"] == damaged


def test_an_ended_job_has_no_time_left(client: FlaskClient, database: Database, settings: Settings) -> None:
    ended = running_job(database, settings)
    evaluate(database, ended, count=1)
    with database.write() as session:
        error = job_error("diverged", "the loss at step 3 is not finite", attempt=1)
        end(session, ended.id, 1, Status.FAILED, error)
    job = client.get(f"/jobs/{ended.id}").get_json()
    assert job["progress"]["remaining_s"] is None
    assert job["error"] == {
        "type": "diverged",
        "message": "the loss at step 3 is not finite",
        "attempt": 1,
        "retryable": False,
    }


def test_a_job_says_what_it_ended_by_once_it_has_succeeded(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    assert client.get(f"/jobs/{job.id}").get_json()["ended_by"] is None
    with database.write() as session:
        succeed(session, job.id, 1, "early_stopping")
    assert client.get(f"/jobs/{job.id}").get_json()["ended_by"] == "early_stopping"


def test_a_job_of_an_earlier_version_is_shown_with_every_field_of_this_one_and_plotted(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings, model={"tie_weights": False})
    earlier = {**job.spec, "model": {**job.spec["model"], "gone": 1}, "gone": 1}
    del earlier["model"]["initialization"]
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(spec=earlier))
    shown = client.get(f"/jobs/{job.id}").get_json()
    assert shown["spec"] == job.spec
    assert shown["spec"]["model"]["initialization"] == "gpt2"
    assert client.get(f"/jobs/{job.id}/losses.svg").status_code == 200


def test_times_are_utc_by_the_databases_clock(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = client.get(f"/jobs/{ended_job(database, settings, Status.SUCCEEDED).id}").get_json()
    texts = [job[name] for name in ("created_at", "started_at", "finished_at")]
    assert all(text.endswith("Z") for text in texts)
    moments = [datetime.fromisoformat(text) for text in texts]
    assert moments == sorted(moments)


def test_an_unknown_id_is_answered_with_404(client: FlaskClient) -> None:
    response = client.get("/jobs/job-0")
    assert response.status_code == 404
    assert "job-0" in response.get_json(force=True)["detail"]


def test_an_id_that_could_not_exist_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/%00").status_code == 404
    assert client.get(f"/jobs/{'x' * 201}").status_code == 404


def test_an_unknown_parameter_is_refused(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}?verbose=1").status_code == 422


def test_a_queued_job_says_its_place_and_what_it_waits_for_and_so_does_the_list(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    running = running_job(database, settings)
    announce_worker(database, "train", id=str(running.worker), job_id=running.id)
    first, second = queued_job(database, settings, priority=1), queued_job(database, settings)
    listed = {job["id"]: job for job in client.get("/jobs").get_json()["data"]}
    for job, place, reason in (
        (running, None, None),
        (first, 1, "no worker is free: 1 of 1 busy"),
        (second, 2, "1 job before it"),
    ):
        shown = client.get(f"/jobs/{job.id}").get_json()
        assert (shown["queue_position"], shown["waiting_for"]) == (place, reason)
        assert listed[job.id] == shown


def test_a_job_just_posted_says_what_it_waits_for(client: FlaskClient) -> None:
    posted = client.post("/jobs", json={"preset": "tiny", "dataset": "sample"}).get_json()
    assert posted["queue_position"] == 1
    assert posted["waiting_for"] == "no live worker of its queue, train (none has reported)"
