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
    assert set(last) == {"id", "step", "epoch", "index", "prompt", "text", "recorded_at"}
    assert (last["prompt"], last["text"]) == ("Every effort moves you", "Every effort moves you know")


def test_since_step_is_exclusive_and_pages_say_whether_there_is_more(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    for step in (8, 17, 26):
        sample(database, job, step=step)
    page = client.get(f"/jobs/{job.id}/samples?since_step=8&limit=1").get_json()
    assert ([row["step"] for row in page["data"]], page["has_more"]) == ([17], True)


def test_those_of_several_prompts_come_together_whatever_the_limit(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    for step, prompts in ((8, 3), (17, 3), (26, 2)):
        sample(database, job, step=step, prompts=prompts)
    every = [(8, 0), (8, 1), (8, 2), (17, 0), (17, 1), (17, 2), (26, 0), (26, 1)]
    for limit in range(1, 10):
        read, since, has_more = [], -1, True
        while has_more:
            page = client.get(f"/jobs/{job.id}/samples?since_step={since}&limit={limit}").get_json()
            read += [(row["step"], row["index"]) for row in page["data"]]
            assert len(page["data"]) <= max(limit, 3)
            since, has_more = page["data"][-1]["step"], page["has_more"]
        assert read == every, limit


def test_a_job_without_samples_has_an_empty_list(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}/samples").get_json()["data"] == []


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/samples").status_code == 404
