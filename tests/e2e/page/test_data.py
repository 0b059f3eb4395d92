"""The view of data, on an API without workers: short texts need none."""

import re

from playwright.sync_api import Page, Route, expect

from jobs.settings import Settings
from jobs.store.database import Database
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults
from tests.jobs.making import queued_job

TEXT = "Every effort moves you. " * 100


def choose_file(page: Page, name: str, text: str) -> None:
    chosen = {"name": name, "mimeType": "", "buffer": text.encode()}
    page.locator("datasets-panel input[type=file]").set_input_files(chosen)  # type: ignore[arg-type]


def test_a_file_is_sent_and_shown_with_its_tokens_and_where_validation_begins(
    api_url: str, open_page: OpenPage
) -> None:
    page = open_page(f"{api_url}/#/data")
    choose_file(page, "efforts.txt", TEXT)
    preview = page.get_by_role("region", name="Text of efforts.txt")
    expect(preview).to_contain_text("2,400 characters")
    expect(preview.locator(".piece").first).to_have_text("Every")
    expect(preview.locator(".split-mark")).to_have_count(0)
    preview.get_by_role("button", name="Where validation begins").press("Enter")
    expect(preview.locator(".split-mark")).to_be_visible()
    held_out = "".join(preview.locator(".piece.held-out").all_text_contents())
    assert 0 <= len(TEXT) // 10 - len(held_out) < 10
    preview.get_by_label("Tokenizer").select_option("bytes")
    expect(preview.locator(".piece").first).to_have_text(re.compile("^.$"))
    expect(page).to_have_url(re.compile("tokenizer=bytes"))
    assert serious_faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(api_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{api_url}/#/data")
    held: list[Route] = []
    page.route(
        "**/datasets",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    choose_file(page, "slow.txt", TEXT)
    uploads = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(uploads.get_by_role("progressbar", name="Upload of slow.txt")).to_be_visible()
    uploads.get_by_role("button", name="Cancel").press("Enter")
    expect(uploads).to_have_count(0)
    assert len(held) == 1
    expect(page.get_by_role("rowheader", name="slow.txt")).to_have_count(0)


def test_what_the_service_says_of_a_file_stands_beside_it(
    api_url: str, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("status of 422")
    page = open_page(f"{api_url}/#/data")
    choose_file(page, "documents.ndjson", "no JSON\n")
    failed = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(failed).to_contain_text("JSON")
    failed.get_by_role("button", name="Close").click()
    expect(failed).to_have_count(0)


def test_a_text_that_a_job_needs_is_not_deleted_and_the_reason_is_said(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("status of 409")
    page = open_page(f"{api_url}/#/data")
    record = page.request.post(f"{api_url}/datasets", data={"name": "needed", "text": TEXT}).json()
    page.reload()
    row = page.get_by_role("row").filter(has_text="needed")
    expect(row).to_be_visible()
    queued_job(database, settings, name="its job", dataset=record["id"], model={"context_length": 16})
    row.get_by_role("button", name="Actions of needed").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Delete the jobs first")
    page.keyboard.press("Escape")
    expect(row).to_be_visible()


def test_a_tokenizer_is_asked_for_and_one_passage_is_cut_by_each(api_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{api_url}/#/data")
    page.request.post(f"{api_url}/datasets", data={"name": "efforts", "text": TEXT})
    page.goto(f"{api_url}/#/data?tab=tokenizers")
    page.reload()
    passage = page.get_by_role("region", name="The same passage, cut by each")
    expect(passage).to_contain_text("300 tokens, 1.000 bytes each")
    page.get_by_label("Name").fill("mine")
    page.get_by_role("button", name="Train it").click()
    expect(page.get_by_role("list", name="Tokenizers")).to_contain_text("training, 0 %")
    assert serious_faults(page) == []


def test_a_built_in_text_that_nobody_has_used_is_said_not_to_be_here_and_nothing_asks_for_it(
    api_url: str, open_page: OpenPage
) -> None:
    page = open_page(f"{api_url}/#/data")
    page.get_by_role("rowheader", name="sample").get_by_text("sample").click()
    preview = page.get_by_role("region", name="Text of sample")
    expect(preview).to_contain_text("The text is not here yet")
    for name in ("Where validation begins", "Earlier", "Later"):
        expect(preview.get_by_role("button", name=name)).to_be_disabled()
