"""The page by keyboard alone: everything is reached, and the focus is never lost."""

from playwright.sync_api import Locator, Page, expect

from jobs.files.datasets import store_dataset
from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.seeds import evaluate
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults
from tests.e2e.page.keyboard import Keyboard
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import queued_job, running_job


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_who_has_reached_the_first_evaluation_stays_at_the_button(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    evaluate(database, job, 3)
    page = open_page(f"{api_url}/#/jobs/{job.id}")
    step = page.locator("moment-panel").get_by_role("heading", level=2)
    expect(step).to_have_text("Step 10")
    keyboard = Keyboard(page)
    keyboard.tab_to("Evaluation before")
    keyboard.press("Enter", "Enter")
    expect(step).to_have_text("Step 0")
    expect(button(page, "Evaluation before")).to_be_disabled()
    keyboard.press("Enter")
    expect(button(page, "Evaluation before")).to_be_focused()
    expect(step).to_have_text("Step 0")
    keyboard.press("ArrowRight")
    expect(step).to_have_text("Step 5")
    # Read out, unlike the evaluations of a job that goes on.
    told = page.locator("moment-panel [aria-live]")
    expect(told).to_have_text("Step 5, training loss 8.000, validation loss 9.500")


def test_what_an_action_takes_away_hands_the_focus_on(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = queued_job(database, settings, name="one")
    page = open_page(f"{api_url}/#/jobs/{job.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("one")
    keyboard = Keyboard(page)
    keyboard.tab_to("Cancel")
    keyboard.press("Enter")
    expect(button(page, "Keep as it is")).to_be_focused()
    keyboard.tab_to("Cancel it")
    keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="cancelled")).to_be_visible()
    expect(button(page, "Cancel")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_who_pauses_a_job_is_not_put_on_another_action(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    page = open_page(f"{api_url}/#/jobs/{job.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("one")
    Keyboard(page).tab_to("Pause")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="pausing")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def store_two(database: Database, settings: Settings) -> tuple[str, str]:
    """Data sets; their names."""
    names = ("first", "second")
    for name in names:
        store_dataset(database, settings, name, name.encode() * 500)
    return names


def test_a_row_that_is_deleted_hands_the_focus_to_the_next(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    store_two(database, settings)
    page = open_page(f"{api_url}/#/data")
    keyboard = Keyboard(page)
    expect(button(page, "Actions of second")).to_be_visible()
    keyboard.tab_to("Actions of first")
    keyboard.press("ArrowDown", "End", "Enter")
    keyboard.tab_to("Delete")
    keyboard.press("Enter")
    expect(button(page, "Actions of first")).to_have_count(0)
    expect(button(page, "second")).to_be_focused()


def test_a_data_set_that_is_opened_has_the_focus_and_hands_it_back(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    names = store_two(database, settings)
    page = open_page(f"{api_url}/#/data")
    keyboard = Keyboard(page)
    expect(button(page, "second")).to_be_visible()
    for name in names:
        keyboard.tab_to(name)
        keyboard.press("Enter")
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_focused()
        keyboard.tab_to("Close the preview")
        keyboard.press("Enter")
        expect(page.get_by_role("region", name=f"Text of {name}")).to_be_hidden()
        expect(button(page, name)).to_be_focused()
    keyboard.tab_to("Actions of second")
    keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Look at it")).to_be_focused()
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="second", exact=True)).to_be_focused()


def test_a_text_that_is_pasted_has_the_focus(api_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{api_url}/#/data")
    keyboard = Keyboard(page)
    keyboard.tab_to("Paste a text")
    keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    keyboard.type("mine")
    keyboard.tab_to("Text")
    keyboard.type("Every effort moves you. " * 10)
    keyboard.tab_to("Add it")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="mine", exact=True)).to_be_focused()


def test_the_arrows_of_a_menu_in_a_table_stay_in_the_menu(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    evaluate(database, job, 2)
    for step in (3, 6):
        resumable_checkpoint(database, settings, job, step)
    page = open_page(f"{api_url}/#/jobs/{job.id}")
    expect(button(page, "More for checkpoint 6")).to_be_visible()
    keyboard = Keyboard(page)
    keyboard.tab_to("More for checkpoint 6")
    keyboard.press("ArrowDown")
    items = page.get_by_role("menuitem")
    expect(items.first).to_be_focused()
    keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    keyboard.press("Escape")
    expect(button(page, "More for checkpoint 6")).to_be_focused()


def test_a_dialog_with_fields_begins_in_the_first_of_them(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    evaluate(database, job, 2)
    resumable_checkpoint(database, settings, job, 6)
    page = open_page(f"{api_url}/#/jobs/{job.id}")
    expect(button(page, "More for checkpoint 6")).to_be_visible()
    keyboard = Keyboard(page)
    keyboard.tab_to("More")
    keyboard.press("Enter", "f", "Enter")
    expect(page.get_by_role("dialog").get_by_label("Checkpoint", exact=True)).to_be_focused()
    keyboard.press("Escape")
    expect(button(page, "More")).to_be_focused()


def test_a_search_is_left_by_one_key(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    for number in range(2):
        evaluate(database, running_job(database, settings, name=f"number {number}"), 2)
    page = open_page(f"{api_url}/#/compare")
    keyboard = Keyboard(page)
    expect(page.get_by_role("button", name="number 1")).to_be_visible()
    keyboard.tab_to("Add a job")
    keyboard.press("Tab")
    assert keyboard.focused.startswith("number")


def test_a_job_that_is_gone_does_not_lose_who_looks_for_it(
    api_url: str, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("404")
    page = open_page(f"{api_url}/#/data")
    expect(page.get_by_role("heading", level=1)).to_have_text("Data")
    page.evaluate("location.hash = '#/jobs/job-0'")
    expect(page.get_by_text("There is no such job")).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()
