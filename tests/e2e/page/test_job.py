"""The view of a job, on a database that the test itself changes as workers would."""

import re

from playwright.sync_api import Locator, Page, expect

from jobs.files.datasets import store_dataset
from jobs.lifecycle.attempts import end, fail
from jobs.lifecycle.history import record_sample
from jobs.lifecycle.requests import request_cancel
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import record_event
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from tests.api.conftest import application
from tests.api.seeds import evaluate, sample
from tests.api.server.serving import serving
from tests.api.views.test_log import write_log
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults
from tests.e2e.page.held_back import held_back
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import queued_job, running_job

COPIED = "the fog lay thick on the harbour"
TEXT = f"Ana saw how {COPIED} that morning. " + "Nobody counted the boats. " * 30


def link(api_url: str, job: Job, query: str = "") -> str:
    return f"{api_url}/#/jobs/{job.id}{query and '?' + query}"


def at_cursor(page: Page) -> Locator:
    return page.get_by_role("region", name="At the cursor")


def plot(page: Page) -> Locator:
    return page.get_by_role("application", name=re.compile(r"^Loss\."))


def on_text(database: Database, settings: Settings, **spec: object) -> Job:
    dataset, _ = store_dataset(database, settings, "harbour", TEXT.encode())
    return running_job(database, settings, dataset=dataset.id, tokenizer="bytes", **spec)


def test_one_cursor_shows_the_losses_the_sample_and_the_checkpoint_of_a_step(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = on_text(database, settings, name="one")
    evaluate(database, job, 3)
    page = open_page(link(api_url, job))
    at = at_cursor(page)
    expect(at.get_by_role("heading", level=2)).to_have_text("Step 10")

    sample(database, job, step=10, text=f"Every effort moves you; {COPIED}, he")
    resumable_checkpoint(database, settings, job, 11)
    evaluate(database, job, 6)
    expect(at.get_by_role("heading", level=2)).to_have_text("Step 25")
    expect(
        page.get_by_text("Over-fitting begins at step 5: there the validation loss was lowest")
    ).to_be_visible()
    expect(at.get_by_role("heading", name="Sample of step 10")).to_be_visible()

    plot(page).focus()
    for key in ("End", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    expect(at.get_by_role("heading", level=2)).to_have_text("Step 10")
    expect(at).to_contain_text("Checkpoint 11")
    expect(at).to_contain_text("of this step")
    expect(at.get_by_role("term").filter(has_text="Training loss")).to_be_visible()
    expect(at).to_contain_text("7.000")
    expect(at).to_contain_text("87 % of its 8 words stand word for word in the training text")
    copied = at.get_by_role("button", name=COPIED)
    assert copied.evaluate("element => getComputedStyle(element).display") == "inline", (
        "a box breaks the text"
    )
    copied.press("Enter")
    expect(at).to_contain_text(f"at character {TEXT.index(COPIED)}")
    expect(at).to_contain_text(f"…Ana saw how {COPIED} that morning.")

    expect(page).to_have_url(re.compile(r"step=10"))
    page.reload()
    expect(at.get_by_role("heading", level=2)).to_have_text("Step 10")
    at.get_by_role("button", name="Next evaluation").press("Enter")
    expect(at.get_by_role("heading", level=2)).to_have_text("Step 15")
    page.keyboard.press("Escape")
    expect(at.get_by_role("heading", level=2)).to_have_text("Step 25")


def test_no_empty_frame_is_shown_where_nothing_is_measured_yet(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    page = open_page(link(api_url, job))
    expect(page.get_by_text("The first evaluation is drawn here.")).to_be_visible()
    small = page.locator(".curves-rest")
    expect(small).to_be_hidden()
    evaluate(database, job, 2)
    expect(small.get_by_role("heading", name="Learning rate")).to_be_visible()


def test_a_mouse_shows_the_step_that_it_points_at_and_a_click_stays_there(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    evaluate(database, job, 5)
    page = open_page(link(api_url, job))
    heading = at_cursor(page).get_by_role("heading", level=2)
    expect(heading).to_have_text("Step 20")
    box = plot(page).bounding_box()
    assert box is not None
    middle = (box["x"] + 46 + (box["width"] - 64) / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    expect(heading).to_have_text("Step 10")
    page.mouse.move(5, 5)
    expect(heading).to_have_text("Step 20")
    page.mouse.click(*middle)
    page.mouse.move(5, 5)
    expect(page).to_have_url(re.compile("step=10"))
    expect(heading).to_have_text("Step 10")


def test_zoom_and_axis_are_in_the_link_and_ask_for_the_rows_of_their_part(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    evaluate(database, job, 9)
    page = open_page(link(api_url, job))
    page.get_by_label("Curves over").select_option("tokens")
    expect(page).to_have_url(re.compile("x=tokens"))
    expect(at_cursor(page).get_by_role("heading", level=2)).to_have_text("Step 40")
    plot(page).focus()
    page.keyboard.press("Home")
    with page.expect_response(re.compile(r"losses\?since_step=-1&until_step=\d+&max_points=")) as asked:
        page.keyboard.press("+")
    assert asked.value.json()["data"][-1]["step"] < 40
    expect(page).to_have_url(re.compile("x=tokens.*&from=.*&to="))
    page.reload()
    expect(page.get_by_label("Curves over")).to_have_value("tokens")
    expect(page.get_by_role("button", name="Reset zoom").first).to_be_visible()


def test_a_service_that_restarts_leaves_no_gap_in_the_curve(
    database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|503")
    job = running_job(database, settings, name="one")
    evaluate(database, job, 2)
    with serving(application(settings)) as served:
        page = open_page(link(f"http://127.0.0.1:{served.port}", job))
        heading = at_cursor(page).get_by_role("heading", level=2)
        expect(heading).to_have_text("Step 5")
    state = page.get_by_role("banner").get_by_role("status")
    expect(state).to_have_text("Reconnecting")
    evaluate(database, job, 4)
    with serving(application(settings), port=served.port):
        expect(state).to_have_text("Live")
        expect(heading).to_have_text("Step 15")
        at_cursor(page).get_by_role("button", name="Evaluation before").press("Enter")
        expect(heading).to_have_text("Step 10")


def test_a_job_is_cancelled_after_a_question_that_says_what_it_means(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    page = open_page(link(api_url, job))
    page.get_by_role("button", name="Cancel", exact=True).press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Stops the job for good.")
    page.keyboard.press("Escape")
    with database.read() as session:
        assert get_job(session, job.id).stopping is None
    page.get_by_role("button", name="Cancel", exact=True).press("Enter")
    dialog.get_by_role("button", name="Cancel it").press("Enter")
    expect(page.get_by_role("status").filter(has_text="cancelling")).to_be_visible()
    with database.write() as session:
        end(session, job.id, job.attempt, Status.CANCELLED)
    expect(page.get_by_role("status").filter(has_text="cancelled")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)


def test_a_fork_is_refused_beside_the_wrong_field_and_leads_to_its_own_page(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("422")
    job = running_job(database, settings, name="parent")
    evaluate(database, job, 2)
    resumable_checkpoint(database, settings, job, 6)
    page = open_page(link(api_url, job))
    page.get_by_role("button", name="More for checkpoint 6").press("Enter")
    page.get_by_role("menuitem", name="Fork from here").press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Epochs").fill("many")
    dialog.get_by_role("button", name="Fork it").press("Enter")
    expect(dialog.get_by_label("Epochs")).to_have_attribute("aria-invalid", "true")
    expect(dialog).to_contain_text("must be")
    dialog.get_by_label("Epochs").fill("9")
    dialog.get_by_label("Name").fill("child")
    dialog.get_by_role("button", name="Fork it").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("child")
    expect(page.get_by_text("its checkpoint 6")).to_be_visible()
    page.get_by_role("link", name="another job").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("parent")


def test_a_job_that_failed_or_waits_says_why_and_what_to_do(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage, faults: Faults
) -> None:
    waiting = queued_job(database, settings, name="two")
    page = open_page(link(api_url, waiting))
    expect(page.get_by_text("It is number 1 in its queue: no live worker of its queue")).to_be_visible()
    job = running_job(database, settings, name="one", max_attempts=1)
    error = {"type": "diverged", "message": "the training loss is nan", "retryable": False, "attempt": 1}
    with database.write() as session:
        fail(session, job.id, job.attempt, error)
    page.goto(link(api_url, job))
    expect(page.get_by_role("alert")).to_contain_text("the training loss is nan")
    expect(page.get_by_role("alert")).to_contain_text("with a lower learning_rate")
    faults.allow("404")
    page.goto(f"{api_url}/#/jobs/job-0")
    expect(page.get_by_text("There is no such job")).to_be_visible()


def test_a_job_that_did_not_begin_says_so_and_promises_nothing(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = queued_job(database, settings, name="one")
    page = open_page(link(api_url, job))
    expect(page.get_by_text("It has not begun")).to_be_visible()
    expect(page.get_by_text("The first evaluation is drawn here.")).to_be_visible()
    with database.write() as session:
        request_cancel(session, job.id)
    expect(page.get_by_text("It did not begin")).to_be_visible()
    expect(page.get_by_text("It ended before its first evaluation.")).to_be_visible()
    expect(at_cursor(page)).to_contain_text("The job ended before its first evaluation.")
    expect(page.get_by_role("term").filter(has_text="Submitted")).to_be_visible()


def test_notes_are_kept_and_shown_as_text(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    page = open_page(link(api_url, job, "tab=notes"))
    page.get_by_role("button", name="Write notes").press("Enter")
    page.get_by_label("Notes, in Markdown").fill("**Why** <img src=x>\n\n- a\n- b")
    page.get_by_role("button", name="Save notes").press("Enter")
    notes = page.get_by_role("tabpanel", name="Notes")
    expect(notes.get_by_text("Why <img src=x>")).to_be_visible()
    expect(notes.get_by_role("listitem")).to_have_text(["a", "b"])
    assert page.locator("main img").count() == 0


def test_what_was_begun_on_one_job_is_not_taken_to_the_next(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    first, second = (running_job(database, settings, name=name) for name in ("one", "two"))
    page = open_page(link(api_url, first, "tab=notes"))
    page.get_by_role("button", name="Write notes").press("Enter")
    page.get_by_label("Notes, in Markdown").fill("of the first one")
    page.evaluate("(href) => { location.href = href }", link(api_url, second, "tab=notes"))
    expect(page.get_by_role("heading", level=1)).to_have_text("two")
    notes = page.get_by_role("tabpanel", name="Notes")
    expect(notes.get_by_text("No notes yet.")).to_be_visible()
    expect(notes.get_by_role("textbox")).to_be_hidden()
    assert page.locator("job-view").count() == 1


def test_the_last_lines_of_a_log_are_there_when_the_job_ends_while_it_is_read(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    write_log(settings, job, 1, b"the first line\n")
    page = open_page("about:blank")
    waiting = held_back(page, re.compile(r"/log\?tail="))
    with page.expect_request(re.compile(r"/log\?tail=")):
        page.goto(link(api_url, job, "tab=log"))
    badge = page.get_by_role("status").filter(has_text="running")
    expect(badge).to_be_visible()
    first = waiting[0].fetch()
    write_log(settings, job, 1, b"the last line\n")
    with database.write() as session:
        end(session, job.id, job.attempt, Status.SUCCEEDED)
    expect(page.get_by_role("status").filter(has_text="succeeded")).to_be_visible()
    waiting[0].fulfill(response=first)
    expect(page.get_by_role("region", name="The trainers' log")).to_have_text(
        "the first line\nthe last line\n"
    )


def test_ages_stay_true_while_they_are_looked_at(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    resumable_checkpoint(database, settings, job, 11)
    with database.write() as session:
        record_event(
            session,
            job.id,
            job.attempt,
            "alert",
            {"step": 5, "when": "val_loss > 7", "value": 8.0, "do": "notify"},
        )
    page = open_page("about:blank")
    page.clock.install()
    page.goto(link(api_url, job))
    written = page.get_by_role("row").filter(has=page.get_by_role("button", name="11")).get_by_role("time")
    alert = page.get_by_text("Alert at step 5").get_by_role("time")
    expect(written).to_have_text(re.compile("^now$|^[0-9]+ s ago$"))
    expect(alert).to_have_text(re.compile("^now$|^[0-9]+ s ago$"))
    page.clock.fast_forward("03:30")
    expect(written).to_have_text(re.compile("^[34] min ago$"))
    expect(alert).to_have_text(re.compile("^[34] min ago$"))


def test_a_view_leaves_the_link_alone_while_the_next_one_is_loaded(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = running_job(database, settings, name="one")
    evaluate(database, job, 5)
    page = open_page(link(api_url, job))
    waiting = held_back(page, re.compile("/data_view.js$"))
    plot(page).press("End")
    with page.expect_request("**/data_view.js"):
        page.get_by_role("link", name="Data").press("Enter")
    # Timers fire in order: by then a step that was chosen would have come into the link.
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 400))")
    for route in waiting:
        route.continue_()
    expect(page.get_by_role("heading", level=1)).to_have_text("Data")
    assert page.url == f"{api_url}/#/data"


def test_the_view_is_accessible_on_a_desk_and_on_a_phone(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = on_text(
        database, settings, name="one", sampling={"start_context": ["Every effort moves you", "The"]}
    )
    evaluate(database, job, 7)
    with database.write() as session:
        for index, prompt in enumerate(["Every effort moves you", "The"]):
            text = f"{prompt} and {COPIED}"
            values = {"step": 10, "epoch": 1, "index": index, "prompt": prompt, "text": text}
            record_sample(session, job.id, job.attempt, values)
    resumable_checkpoint(database, settings, job, 11)
    page = open_page(link(api_url, job, "step=10"))
    expect(at_cursor(page).get_by_role("button", name=COPIED)).to_be_visible()
    assert serious_faults(page) == []
    for tab in ("Events", "Spec", "Log"):
        page.get_by_role("tab", name=tab).press("Enter")
        expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
    at_cursor(page).get_by_role("tab", name="The", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("prompt=1"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
