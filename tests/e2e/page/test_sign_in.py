"""Signing in and out, on a service that needs tokens."""

import re

from playwright.sync_api import expect

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tokens import create_token, find_token, revoke_token
from jobs.store.viewers import Right
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults
from tests.jobs.making import queued_job


def token_text(database: Database, right: Right) -> str:
    with database.write() as session:
        return create_token(session, "ana", right)[1]


def test_whoever_signs_in_is_where_they_wanted_to_go_and_sees_nothing_after_signing_out(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("status of 401")
    queued_job(database, settings, name="one")
    text = token_text(database, Right.WRITE)
    page = open_page(f"{api_url}/#/?q=one")
    token = page.get_by_label("Access token")
    expect(token).to_be_visible()
    assert serious_faults(page) == []

    page.get_by_role("button", name="Sign in").click()
    expect(token).to_have_accessible_description(re.compile("Paste the token"))
    token.fill("pt_wrong")
    page.keyboard.press("Enter")
    expect(token).to_have_accessible_description(re.compile("The service does not know this token"))
    token.fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader", name="one")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("one")
    assert text not in page.evaluate("() => JSON.stringify(localStorage) + document.cookie")

    page.reload()
    expect(page.get_by_role("rowheader", name="one")).to_be_visible()
    page.get_by_role("button", name="Account").click()
    expect(page.get_by_role("menu")).to_contain_text("Signed in as ana")
    page.get_by_role("menuitem", name="Sign out").click()
    expect(token).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(0)
    token.fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader", name="one")).to_be_visible()
    expect(page.get_by_role("banner").get_by_role("status")).to_have_text("Live")
    queued_job(database, settings, name="one more")
    expect(page.get_by_role("rowheader", name="one more")).to_be_visible()


def test_whose_token_is_revoked_is_asked_to_sign_in_at_once(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("status of 401")
    text = token_text(database, Right.WRITE)
    page = open_page(api_url)
    page.get_by_label("Access token").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("banner").get_by_role("status")).to_have_text("Live")
    with database.write() as session:
        revoke_token(session, find_token(session, text).id)
    expect(page.get_by_label("Access token")).to_be_visible()


def test_what_a_token_does_not_allow_is_not_offered(
    api_url: str, database: Database, open_page: OpenPage, settings: Settings, faults: Faults
) -> None:
    faults.allow("status of 401")
    queued_job(database, settings, name="one")
    page = open_page(api_url)
    expect(page.get_by_role("button", name="Star one")).to_be_enabled()
    text = token_text(database, Right.READ)
    page.reload()
    page.get_by_label("Access token").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Star one")).to_be_disabled()
    page.get_by_role("checkbox", name="Select one").check()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
