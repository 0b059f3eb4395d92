"""GET /jobs/<id>/losses.png and /losses.svg"""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from api.plots.figure import title_of
from api.plots.plotter import PLOTTER, Plot, PlotFailed
from jobs.files.layout import dataset_path
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job, TokenCount
from tests.api.seeds import evaluate
from tests.jobs.making import queued_job, running_job

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_job_is_plotted_however_many_evaluations_it_has(
    client: FlaskClient, database: Database, settings: Settings, count: int
) -> None:
    job = running_job(database, settings)
    evaluate(database, job, count)
    png = client.get(f"/jobs/{job.id}/losses.png")
    assert (png.status_code, png.content_type) == (200, "image/png")
    assert png.data.startswith(PNG_SIGNATURE)
    svg = client.get(f"/jobs/{job.id}/losses.svg")
    assert (svg.status_code, svg.content_type) == (200, "image/svg+xml")
    assert ET.fromstring(svg.data).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_plot_of_a_long_job_is_drawn_from_few_rows_with_every_spike(
    client: FlaskClient, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[float]] = []

    def draw(plot: Plot) -> bytes:
        drawn.append([row.train_loss for row in plot.points])
        return b""

    monkeypatch.setattr(PLOTTER, "draw", draw)
    monkeypatch.setattr("api.views.losses.MAX_PLOTTED_POINTS", 6)
    job = running_job(database, settings)
    evaluate(database, job, count=40)  # the validation loss is lowest at step 5
    assert client.get(f"/jobs/{job.id}/losses.png").status_code == 200
    assert drawn == [[9.0, 8.0, -30.0]]  # of steps 0, 5 and 195


def change_job(database: Database, job: Job, **values: Any) -> None:
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(**values))


def test_a_plot_needs_neither_the_text_nor_a_spec_of_today(
    client: FlaskClient, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    monkeypatch.setattr(PLOTTER, "draw", lambda plot: epochs.append(plot.tokens_per_epoch) or b"")
    job = running_job(database, settings)
    evaluate(database, job, count=4)
    dataset_path(settings.artifacts, job.dataset_sha256).unlink()
    assert client.get(f"/jobs/{job.id}/losses.svg").status_code == 200
    change_job(database, job, spec={**job.spec, "training": {"num_epochs": "many"}})
    assert client.get(f"/jobs/{job.id}/losses.svg").status_code == 200
    change_job(database, job, spec=job.spec)
    with database.write() as session:
        session.execute(delete(TokenCount))
    assert client.get(f"/jobs/{job.id}/losses.svg").status_code == 200
    # 36 batches of 2 windows of 64 tokens; then what the last row, at step 15, has seen of the first epoch.
    assert epochs == [36 * 128, 16 * 128, 16 * 128]


@pytest.mark.parametrize("name", ["   ", "\u200b\u200d", None])
def test_a_plot_of_a_job_whose_name_is_not_seen_has_its_id(
    client: FlaskClient,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(PLOTTER, "draw", lambda plot: titles.append(title_of(plot.name, plot.job_id)) or b"")
    job = running_job(database, settings)
    change_job(database, job, name=name)
    assert client.get(f"/jobs/{job.id}/losses.png").status_code == 200
    change_job(database, job, name="mine")
    assert client.get(f"/jobs/{job.id}/losses.png").status_code == 200
    assert titles == [job.id, "mine"]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/losses.png").status_code == 404
    assert client.get("/jobs/job-0/losses.svg").status_code == 404


def test_a_queued_job_is_plotted_under_its_name(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings, name="my run")
    assert b"my run" in client.get(f"/jobs/{job.id}/losses.svg").data


def test_a_plot_that_can_not_be_drawn_is_a_server_error(
    client: FlaskClient, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Plot) -> bytes:
        raise PlotFailed

    monkeypatch.setattr(PLOTTER, "draw", fail)
    job = running_job(database, settings)
    evaluate(database, job, count=1)
    response = client.get(f"/jobs/{job.id}/losses.png")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
