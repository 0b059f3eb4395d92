"""The view of all jobs, on a database that the test itself changes as workers would."""

import re
from itertools import pairwise

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from jobs.lifecycle.attempts import end
from jobs.lifecycle.editing import edit_job
from jobs.lifecycle.history import record_progress
from jobs.lifecycle.requests import delete_job
from jobs.settings import Settings
from jobs.spec.changes import JobChanges
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from tests.api.conftest import application
from tests.api.seeds import ended_job, evaluate
from tests.api.server.serving import serving
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults
from tests.jobs.making import queued_job, running_job

GONE_MEANWHILE = "status of 404 .*/jobs/job-"
"""A job may be deleted while the page asks for what is new of it; the console shows the answer."""


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def expect_names(page: Page, *names: str) -> None:
    """Of the jobs that are shown, in their order."""
    first_lines = [re.compile(rf"^{re.escape(name)}\n") for name in names]
    expect(page.get_by_role("rowheader")).to_have_text(first_lines, use_inner_text=True)


def move_on(database: Database, job: Job, step: int) -> None:
    with database.write() as session:
        record_progress(session, job.id, job.attempt, step=step, tokens_per_s=512.0, remaining_s=75.0)


MOST_NEW_ROWS = 40


def test_a_long_table_keeps_nobody_waiting_for_all_of_its_rows(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    all_names = ["needle", *(f"run {number}" for number in range(99))]
    for name in all_names:
        queued_job(database, settings, name=name)
    page = open_page(f"{api_url}/#/settings")
    page.get_by_role("heading", level=1).wait_for()
    page.evaluate(
        """() => {
            window.counts = [];
            const count = () => {
                const rows = document.querySelectorAll("jobs-view tbody tr").length;
                if (rows !== (window.counts.at(-1) ?? 0)) window.counts.push(rows);
            };
            new MutationObserver(count).observe(document, { childList: true, subtree: true });
            location.hash = "#/";
        }"""
    )
    rows = page.locator("jobs-view tbody tr")
    expect(rows).to_have_count(100)
    counts = page.evaluate("window.counts")
    assert max(after - before for before, after in pairwise([0, *counts])) <= MOST_NEW_ROWS
    expect_names(page, *all_names[::-1])

    search = page.get_by_role("searchbox", name="Search jobs")
    search.fill("needle")
    expect(rows).to_have_count(1)
    search.fill("")
    expect(rows).to_have_count(100)
    expect_names(page, *all_names[::-1])
    page.get_by_label("Select all").check()
    expect(page.get_by_text("100 selected")).to_be_visible()


def test_the_table_shows_what_happens_as_it_happens(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    job = running_job(database, settings, name="one", training={"max_steps": 10})
    page = open_page(api_url)
    one = row(page, "one")
    expect(one).to_contain_text("running")
    move_on(database, job, 5)
    expect(one).to_contain_text("50 % · 1 min 15 s left")
    expect(one).to_contain_text("512")
    evaluate(database, job, 3)
    expect(one).to_contain_text("9.500")
    expect(one.get_by_role("img", name=re.compile("Training loss from"))).to_be_visible()
    queued_job(database, settings, name="two")
    expect(row(page, "two")).to_contain_text("no live worker of its queue")
    with database.write() as session:
        end(session, job.id, job.attempt, Status.SUCCEEDED)
    expect(one).to_contain_text("succeeded")
    with database.write() as session:
        edit_job(session, job.id, JobChanges(name="first", tags=["kept"]))
    expect(row(page, "first")).to_contain_text("kept")
    faults.allow(GONE_MEANWHILE)
    with database.write() as session:
        delete_job(session, job.id)
    expect(row(page, "first")).to_have_count(0)
    expect_names(page, "two")


def test_what_is_looked_for_and_how_it_is_sorted_is_in_the_link(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    for rate, status in ((0.1, Status.SUCCEEDED), (0.2, Status.FAILED), (0.3, Status.SUCCEEDED)):
        ended_job(database, settings, status, name=f"rate {rate}", training={"learning_rate": rate})
    page = open_page(api_url)
    expect(page.get_by_role("rowheader")).to_have_count(3)
    page.get_by_role("button", name="Name").click()
    expect_names(page, "rate 0.1", "rate 0.2", "rate 0.3")
    page.get_by_role("button", name="Name").click()
    expect_names(page, "rate 0.3", "rate 0.2", "rate 0.1")
    page.get_by_role("button", name="Succeeded 2").click()
    page.keyboard.press("/")
    page.keyboard.type("0.1")
    expect_names(page, "rate 0.1")
    expect(page).to_have_url(re.compile(re.escape("#/?sort=-name&show=succeeded&q=0.1") + "$"))
    page.reload()
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_have_value("0.1")
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_role("button", name="Show all").click()
    expect_names(page, "rate 0.3", "rate 0.2", "rate 0.1")


def test_columns_are_chosen_and_remembered(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    queued_job(database, settings, name="one")
    page = open_page(api_url)
    columns = page.get_by_role("columnheader")
    expect(columns.filter(has_text="Age")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitemcheckbox", name="Age").click()
    page.get_by_role("menuitemcheckbox", name="Learning rate").click()
    page.keyboard.press("Escape")
    page.reload()
    expect(columns.filter(has_text="Learning rate")).to_be_visible()
    expect(columns.filter(has_text="Age")).to_have_count(0)


def test_several_jobs_are_tagged_archived_and_deleted_together_by_keyboard(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    jobs = [ended_job(database, settings, Status.SUCCEEDED, name=f"job {number}") for number in (1, 2, 3)]
    queued_job(database, settings, name="job 4")
    page = open_page(api_url)
    page.get_by_role("checkbox", name="Select job 3").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("checkbox", name="Select job 2")).to_be_focused()
    page.keyboard.press("Space")
    bar = page.get_by_role("group", name="Selected jobs")
    expect(bar).to_contain_text("2 selected")

    bar.get_by_role("button", name="Tag").press("Enter")
    page.get_by_role("combobox", name="Tags").press_sequentially("sweep,b")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save tags").press("Enter")
    expect(page.get_by_text("2 jobs tagged")).to_be_visible()
    with database.read() as session:
        assert [get_job(session, job.id).tags for job in jobs] == [[], ["sweep", "b"], ["sweep", "b"]]

    page.get_by_role("checkbox", name="Select job 1").check()
    bar.get_by_role("button", name="Archive").press("Enter")
    expect(row(page, "job 1")).to_have_count(0)
    page.get_by_role("button", name="Undo").press("Enter")
    expect(row(page, "job 1")).to_be_visible()

    page.get_by_role("checkbox", name="Select all").check()
    bar.get_by_role("button", name="Delete").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 3 jobs?")
    expect(dialog.get_by_role("button", name="Keep as it is")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, "job 2")).to_be_visible()
    faults.allow(GONE_MEANWHILE)
    bar.get_by_role("button", name="Delete").press("Enter")
    dialog.get_by_role("button", name="Delete for good").press("Enter")
    expect(page.get_by_text("3 jobs deleted")).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(1)
    with database.read() as session:
        assert session.query(Job).count() == 1


def test_what_people_wrote_is_shown_as_they_wrote_it_and_does_nothing(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    name = "<img src=x onerror=alert(1)> & <b>bold</b>"
    job = queued_job(database, settings, name=name)
    with database.write() as session:
        edit_job(session, job.id, JobChanges(tags=["<script>alert(2)</script>"]))
    page = open_page(api_url)
    expect(page.get_by_role("rowheader")).to_contain_text(name)
    expect(page.get_by_role("cell").get_by_text("<script>alert(2)</script>")).to_be_visible()
    assert page.locator("main img, main script, main b").count() == 0


def test_the_view_is_accessible_with_jobs_and_without(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    page = open_page(api_url)
    expect(page.get_by_role("button", name="Start a first look")).to_be_visible()
    assert serious_faults(page) == []
    evaluate(database, running_job(database, settings, name="one"), 4)
    for status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED):
        ended_job(database, settings, status, name=str(status))
    queued_job(database, settings, name="two")
    expect(page.get_by_role("rowheader")).to_have_count(5)
    page.get_by_role("checkbox", name="Select one").check()
    assert serious_faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    wider = "() => document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(wider)


def test_a_service_that_goes_away_is_said_to_be_away_and_followed_again_when_it_is_back(
    database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    # A service that stops answers with 503 what reaches it meanwhile, such as the question for a row's curve.
    faults.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|status of 503")
    job = running_job(database, settings, name="one", training={"max_steps": 10})
    with serving(application(settings)) as served:
        page = open_page(f"http://127.0.0.1:{served.port}")
        state = page.get_by_role("banner").get_by_role("status")
        expect(state).to_have_text("Live")
        expect(row(page, "one")).to_contain_text("running")
    expect(state).to_have_text("Reconnecting")
    assert serious_faults(page) == []
    move_on(database, job, 5)
    with database.write() as session:
        edit_job(session, job.id, JobChanges(tags=["meanwhile"]))
    with serving(application(settings), port=served.port):
        expect(state).to_have_text("Live")
        expect(row(page, "one")).to_contain_text("50 %")
        expect(row(page, "one")).to_contain_text("meanwhile")


def test_a_stream_over_two_hundred_jobs_leaves_the_browser_free(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    running = [running_job(database, settings, name=f"run {number}") for number in range(50)]
    for number in range(150):
        queued_job(database, settings, name=f"queued {number}")
    page = open_page(api_url)
    expect(page.get_by_role("rowheader")).to_have_count(200)
    last = row(page, "run 49")
    tracing = page.context.new_cdp_session(page)
    # Of the thread, not of the clock: other processes have the machine too.
    tracing.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_s() -> float:
        metrics = tracing.send("Performance.getMetrics")["metrics"]
        spent = {metric["name"]: metric["value"] for metric in metrics}
        return float(spent["ScriptDuration"] + spent["LayoutDuration"] + spent["RecalcStyleDuration"])

    seen = [busy_s()]
    for step in (4, 8, 12):
        for job in running:
            move_on(database, job, step)
        expect(last).to_contain_text(f"{100 * step // 108} %")
        seen.append(busy_s())
    # Each round is a frame or more in which fifty rows change; a frame should take less than 100 ms.
    assert seen[-1] - seen[0] < 3 * 0.3


def test_without_a_network_the_first_job_is_one_on_the_text_that_comes_with_the_service(
    database: Database, settings: Settings, open_page: OpenPage, no_network: None
) -> None:
    with serving(application(settings)) as served:
        page = open_page(f"http://127.0.0.1:{served.port}")
        expect(page.get_by_text("Its text can't be fetched")).to_be_visible()
        page.get_by_role("button", name="Start the lecture's GPT").click()
        expect(page).to_have_url(re.compile("#/jobs/job-"))
        page.close()  # before the service goes away
    assert datasets_of_jobs(database) == ["sample"]


def datasets_of_jobs(database: Database) -> list[str]:
    with database.read() as session:
        return [job.spec["dataset"] for job in session.scalars(select(Job))]
