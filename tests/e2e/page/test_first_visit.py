"""A first visit, to a service that nobody has used before."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.client.running import Running
from tests.e2e.page.conftest import OpenPage, running_service


@pytest.fixture
def fresh_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_service(tmp_path_factory.mktemp("fresh")) as running:
        yield running


def test_a_first_visit_leads_to_a_running_job_in_two_clicks(
    fresh_service: Running, open_page: OpenPage
) -> None:
    page = open_page(fresh_service.url)
    for start in ("a first look", "learning by heart", "the lecture's GPT"):
        expect(page.get_by_role("button", name=f"Start {start}")).to_be_enabled()  # it fits this machine
    page.get_by_role("button", name="Start a first look").click()
    expect(page.get_by_text("running").or_(page.get_by_text("succeeded")).first).to_be_visible()
    expect(page.get_by_text("succeeded").first).to_be_visible()
