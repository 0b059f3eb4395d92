"""GET /jobs/<id>/losses"""

import csv
import io

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.seeds import evaluate
from tests.jobs.making import queued_job, running_job

COLUMNS = [
    "step", "epoch", "tokens_seen", "train_loss", "val_loss", "val_bpb", "learning_rate", "grad_norm",
    "tokens_per_s", "elapsed_s", "recorded_at",
]  # fmt: skip


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    """A job with evaluations at steps 0, 5, 10, 15."""
    job = running_job(database, settings)
    evaluate(database, job, count=4)
    return job


def test_evaluations_come_in_the_order_of_their_steps(client: FlaskClient, job: Job) -> None:
    losses = client.get(f"/jobs/{job.id}/losses").get_json()
    assert (losses["object"], losses["has_more"]) == ("list", False)
    assert [row["step"] for row in losses["data"]] == [0, 5, 10, 15]
    first = losses["data"][0]
    assert list(first) == COLUMNS
    assert first | {"recorded_at": None} == {
        "step": 0, "epoch": 1, "tokens_seen": 128, "train_loss": 9.0, "val_loss": 9.75, "val_bpb": 2.25,
        "learning_rate": 4e-4, "grad_norm": None, "tokens_per_s": 100.0, "elapsed_s": 3.5,
        "recorded_at": None,
    }  # fmt: skip


def test_since_step_is_exclusive_and_pages_say_whether_there_is_more(client: FlaskClient, job: Job) -> None:
    page = client.get(f"/jobs/{job.id}/losses?since_step=0&limit=2").get_json()
    assert ([row["step"] for row in page["data"]], page["has_more"]) == ([5, 10], True)
    page = client.get(f"/jobs/{job.id}/losses?since_step=10&limit=2").get_json()
    assert ([row["step"] for row in page["data"]], page["has_more"]) == ([15], False)


def test_until_step_is_inclusive(client: FlaskClient, job: Job) -> None:
    page = client.get(f"/jobs/{job.id}/losses?since_step=0&until_step=10").get_json()
    assert ([row["step"] for row in page["data"]], page["has_more"]) == ([5, 10], False)
    page = client.get(f"/jobs/{job.id}/losses?until_step=10&limit=2").get_json()
    assert ([row["step"] for row in page["data"]], page["has_more"]) == ([0, 5], True)


def test_a_long_history_is_thinned_out_without_losing_a_spike(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    evaluate(
        database, job, count=40
    )  # the training loss falls throughout, the validation loss rises from step 5 on
    query = "max_points=6&since_step=0&until_step=150"
    losses = client.get(f"/jobs/{job.id}/losses?{query}").get_json()
    assert ([row["step"] for row in losses["data"]], losses["has_more"]) == ([5, 150], False)
    rows = csv.DictReader(io.StringIO(client.get(f"/jobs/{job.id}/losses?{query}&format=csv").text))
    assert [row["step"] for row in rows] == ["5", "150"]
    whole = client.get(f"/jobs/{job.id}/losses?max_points=40").get_json()["data"]
    assert whole == client.get(f"/jobs/{job.id}/losses").get_json()["data"]


@pytest.mark.parametrize("how", [{"query_string": "format=csv"}, {"headers": {"Accept": "text/csv"}}])
def test_the_csv_has_the_same_columns_and_rows(client: FlaskClient, job: Job, how: dict[str, str]) -> None:
    response = client.get(f"/jobs/{job.id}/losses", **how)
    assert response.status_code == 200
    assert response.content_type == "text/csv; charset=utf-8"
    assert "Accept" in response.vary
    reader = csv.DictReader(io.StringIO(response.text))
    rows = list(reader)
    assert reader.fieldnames == COLUMNS
    as_json = client.get(f"/jobs/{job.id}/losses").get_json()["data"]
    expected = [{name: "" if value is None else str(value) for name, value in row.items()} for row in as_json]
    assert rows == expected


def test_the_csv_of_a_long_job_is_whole(
    client: FlaskClient, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.views.losses.MAX_LIMIT", 2)
    for query, steps in (("", ["0", "5", "10", "15"]), ("&since_step=0&until_step=10", ["5", "10"])):
        text = client.get(f"/jobs/{job.id}/losses?format=csv{query}").text
        assert [row["step"] for row in csv.DictReader(io.StringIO(text))] == steps


def test_a_csv_may_be_limited(client: FlaskClient, job: Job) -> None:
    text = client.get(f"/jobs/{job.id}/losses?format=csv&since_step=0&limit=1").text
    assert [row["step"] for row in csv.DictReader(io.StringIO(text))] == ["5"]


def test_the_format_parameter_goes_before_the_accept_header(client: FlaskClient, job: Job) -> None:
    response = client.get(f"/jobs/{job.id}/losses?format=json", headers={"Accept": "text/csv"})
    assert response.content_type == "application/json"


def test_a_job_without_evaluations_has_an_empty_list_and_a_csv_of_its_header(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}/losses").get_json()["data"] == []
    assert client.get(f"/jobs/{job.id}/losses?format=csv").text == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize("path", ["losses", "losses?format=csv"])
def test_an_unknown_job_is_answered_with_404(client: FlaskClient, path: str) -> None:
    assert client.get(f"/jobs/job-0/{path}").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since_step=-2", "since_step"),
        ("since_step=x", "since_step"),
        ("since_step=9223372036854775808", "since_step"),
        ("format=xml", "format"),
        ("limit=1001", "limit"),
        ("until_step=-1", "until_step"),
        ("max_points=5", "max_points"),
        ("max_points=10001", "max_points"),
        ("max_points=10&limit=10", "limit"),
    ],
)
def test_a_wrong_parameter_is_answered_with_its_name(
    bare_client: FlaskClient, query: str, field: str
) -> None:
    response = bare_client.get(f"/jobs/job-0/losses?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json(force=True)["errors"]] == [field]
