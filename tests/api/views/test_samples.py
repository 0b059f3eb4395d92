"""GET /jobs/<id>/samples"""

from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.seeds import sample
from tests.jobs.making import queued_job, running_job


def test_samples_come_in_the_order_of_their_steps(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    sample(database, job, step=17, text="Every effort moves you know")
    sample(database, job, step=8)
    samples = client.get(f"/jobs/{job.id}/samples").get_json()
    assert (samples["object"], samples["has_more"]) == ("list", False)
    assert [row["step"] for row in samples["data"]] == [8, 17]
    last = samples["data"][-1]
    assert set(last) == {"step", "epoch", "prompt", "text", "recorded_at"}
    assert (last["prompt"], last["text"]) == ("Every effort moves you", "Every effort moves you know")


def test_since_step_is_exclusive_and_pages_say_whether_there_is_more(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    for step in (8, 17, 26):
        sample(database, job, step=step)
    page = client.get(f"/jobs/{job.id}/samples?since_step=8&limit=1").get_json()
    assert ([row["step"] for row in page["data"]], page["has_more"]) == ([17], True)


def test_a_job_without_samples_has_an_empty_list(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}/samples").get_json()["data"] == []


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/samples").status_code == 404
