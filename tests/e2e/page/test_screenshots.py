"""The pictures in `docs/screenshots`, of a job that really learns.

PRETRAIN_SCREENSHOTS=docs/screenshots .venv/bin/pytest tests/e2e/page/test_screenshots.py
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.client.running import Running
from tests.e2e.page.conftest import OpenPage

FOLDER = os.environ.get("PRETRAIN_SCREENSHOTS")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="no pictures were made: PRETRAIN_SCREENSHOTS names no folder to put them into"
)

SPEC = {
    "name": "small GPT, short story",
    "preset": "tiny",
    "dataset": "sample",
    "model": {"emb_dim": 128, "tie_weights": False, "drop_rate": 0.0},
    "training": {"num_epochs": 30, "batch_size": 8, "learning_rate": 0.002},
}
"""It learns the story by heart: the pictures are to show over-fitting, and what a sample has copied."""

LOOKS = {
    "job": {"width": 1280, "height": 960, "color_scheme": "light"},
    "job-dark": {"width": 1280, "height": 960, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def job_url(service: Running, browser: object) -> str:
    """Of a job that has ended."""
    page: Page = browser.new_page()  # type: ignore[attr-defined]
    job = page.request.post(f"{service.url}/jobs", data=SPEC).json()
    page.goto(f"{service.url}/#/jobs/{job['id']}")
    expect(page.get_by_role("status").filter(has_text="succeeded")).to_be_visible(timeout=600_000)
    page.close()
    return f"{service.url}/#/jobs/{job['id']}"


@pytest.mark.parametrize("name", LOOKS)
def test_the_view_of_a_job(job_url: str, open_page: OpenPage, name: str) -> None:
    page = open_page(f"{job_url}?step=225", **LOOKS[name])
    expect(page.get_by_role("region", name="At the cursor").locator(".sample-copied").first).to_be_visible()
    page.mouse.move(2, 2)
    page.screenshot(path=Path(FOLDER or "") / f"{name}.png")
