"""The view of the service itself: workers, limits, disk, tokens, webhooks."""

import re

from playwright.sync_api import expect

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tokens import create_token
from jobs.store.viewers import Right
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults


def test_the_first_token_is_made_and_from_it_on_everybody_signs_in(
    api_url: str, open_page: OpenPage, faults: Faults
) -> None:
    page = open_page(f"{api_url}/#/settings")
    expect(page.get_by_text("There are none: jobs wait until one starts.")).to_be_visible()
    expect(page.get_by_text("Requests a minute")).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_role("tab", name="Disk").click()
    expect(page.get_by_role("heading", name=re.compile("are free$"))).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_role("tab", name="Tokens").click()
    page.get_by_role("button", name="New token").click()
    page.get_by_label("Name").fill("ana")
    faults.allow("status of 401")
    page.keyboard.press("Enter")
    text = page.get_by_label("Text of ana").input_value()
    assert text.startswith("pt_")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    page.get_by_label("Access token").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="ana")).to_contain_text("admin")
    page.get_by_role("button", name="Revoke ana").click()
    page.get_by_role("button", name="Keep as it is").click()
    assert serious_faults(page) == []
    page.get_by_role("tab", name="Webhooks").click()
    page.get_by_role("button", name="New webhook").click()
    address = page.get_by_label("Address")
    address.fill("http://127.0.0.1/hook")
    faults.allow("status of 422")
    page.keyboard.press("Enter")
    expect(address).to_have_accessible_description(re.compile("PRETRAIN_WEBHOOK_ALLOW_PRIVATE"))
    page.set_viewport_size({"width": 390, "height": 844})
    page.keyboard.press("Escape")
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_tokens_and_webhooks_are_for_administrators(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("status of 401")
    with database.write() as session:
        create_token(session, "root", Right.ADMIN)
        text = create_token(session, "ana", Right.READ)[1]
    page = open_page(f"{api_url}/#/settings?tab=tokens")
    page.get_by_label("Access token").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab")).to_have_text(["Workers and limits", "Disk"])
    page.get_by_role("tab", name="Disk").click()
    expect(page.get_by_role("heading", name=re.compile("are free$"))).to_be_visible()
    expect(page.get_by_role("button", name="Free space")).to_have_count(0)
