"""The view that compares jobs, on a database that the test itself changes as workers would."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs.lifecycle.editing import edit_job
from jobs.settings import Settings
from jobs.spec.changes import JobChanges
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.seeds import evaluate, sample
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.held_back import held_back
from tests.jobs.making import running_job


@pytest.fixture
def jobs(database: Database, settings: Settings) -> list[Job]:
    """Three that differ in their rate and their seed, with 4, 5 and 6 evaluations."""
    made = []
    for number, rate in enumerate((4e-4, 4e-4, 1e-3)):
        training = {"learning_rate": rate, "seed": 100 + number}
        made.append(running_job(database, settings, name=f"job {number}", training=training))
        evaluate(database, made[-1], 4 + number)
        sample(database, made[-1], step=5, text=f"Every effort moves you early {number}")
        sample(database, made[-1], step=10, text=f"Every effort moves you late {number}")
    return made


def link(api_url: str, jobs: list[Job], query: str = "") -> str:
    return f"{api_url}/#/compare?ids={','.join(job.id for job in jobs)}{query}"


def result(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name="Results").get_by_role("row").filter(has_text=name)


def options(page: Page, **state: bool) -> Locator:
    return page.get_by_role("listbox", name="Add a job").get_by_role("option", **state)


def curves(page: Page, heading: str = "Validation loss") -> Locator:
    return page.locator("line-chart").filter(has=page.get_by_role("heading", name=heading, exact=True))


def specs(page: Page) -> list[str]:
    table = page.get_by_role("region", name="Specs side by side")
    return table.get_by_role("rowheader").all_inner_texts()


def test_two_jobs_from_the_table_are_compared_and_the_link_restores_all(
    api_url: str, database: Database, jobs: list[Job], open_page: OpenPage
) -> None:
    page = open_page(api_url)
    page.get_by_role("checkbox", name="Select job 0").check()
    page.get_by_role("checkbox", name="Select job 2").check()
    links = page.get_by_role("link", name="Compare")
    expect(links).to_have_count(2)  # the first is the view's, for no job in particular
    links.last.click()
    expect(result(page, "job 0")).to_contain_text("9.500")
    expect(curves(page).get_by_role("listitem")).to_have_text([re.compile("^job 2"), re.compile("^job 0")])
    assert specs(page) == ["training.learning_rate", "training.seed"]

    page.get_by_role("button", name="Compare with job 0").click()
    expect(result(page, "job 0")).to_contain_text("baseline")
    expect(result(page, "job 2").get_by_role("cell").filter(has_text="0 %")).to_be_visible()
    page.get_by_role("button", name="% to baseline").click()
    expect(curves(page).get_by_role("listitem")).to_have_count(0)  # the only curve needs no legend
    page.get_by_label("Curves over").select_option("tokens")
    page.get_by_label("Smoothing").select_option("0.9")
    page.get_by_label("Also what is the same").check()
    expect(page.get_by_role("rowheader", name="model.emb_dim")).to_be_visible()
    expect(page.get_by_text("late 2")).to_be_visible()
    page.get_by_label("Step of the samples").press("ArrowLeft")
    expect(page.get_by_text("early 2")).to_be_visible()
    expect(page.get_by_text("early 0")).to_be_visible()
    expect(page).to_have_url(re.compile(r"baseline=.*relative=1&all=1&x=tokens&smooth=0.9&step=5$"))

    page.reload()
    expect(result(page, "job 0")).to_contain_text("baseline")
    expect(page.get_by_role("button", name="% to baseline")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Curves over")).to_have_value("tokens")
    expect(page.get_by_label("Smoothing")).to_have_value("0.9")
    expect(page.get_by_role("rowheader", name="model.emb_dim")).to_be_visible()
    expect(page.get_by_text("early 2")).to_be_visible()


def test_jobs_are_added_by_search_grouped_lit_and_taken_out_while_they_train(
    api_url: str, database: Database, jobs: list[Job], open_page: OpenPage
) -> None:
    page = open_page(link(api_url, [], ""))
    search = page.get_by_role("combobox", name="Add a job")
    for name in ("job 0", "job 1", "job 2"):
        search.fill(name)
        expect(options(page, selected=True)).to_contain_text(name)
        page.keyboard.press("Enter")
        expect(result(page, name)).to_be_visible()
    legend = curves(page).get_by_role("listitem")
    expect(legend).to_have_text([re.compile(f"^job {number}") for number in (0, 1, 2)])
    expect(legend.first).to_have_text(re.compile("10$"))
    evaluate(database, jobs[0], 6)
    expect(legend.first).to_have_text(re.compile(r"10\.50$"))

    result(page, "job 1").hover()
    lit = page.locator(".compare-losses .chart-curve.is-highlighted")
    expect(lit).to_have_count(2)
    legend.nth(2).hover()
    expect(result(page, "job 2")).to_have_class(re.compile("is-lit"))

    page.get_by_label("Colour by").select_option("training.learning_rate")
    page.get_by_role("button", name="Mean and range").click()
    expect(legend).to_have_text(
        [re.compile("^learning_rate 0.0004, mean of 2"), re.compile("^learning_rate 0.001")]
    )
    page.get_by_role("button", name="Leave job 2 out").press("Enter")
    expect(result(page, "job 2")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"ids={jobs[0].id},{jobs[1].id}&colour"))
    expect(legend).to_have_count(0)


def test_a_job_that_is_searched_for_before_the_list_is_there_is_found_once_it_is(
    api_url: str, database: Database, jobs: list[Job], open_page: OpenPage
) -> None:
    page = open_page(f"{api_url}/healthz")
    requests = held_back(page, re.compile(r"/jobs\?"))
    page.goto(link(api_url, [], ""))
    page.get_by_role("combobox", name="Add a job").fill("job")
    expect(options(page)).to_have_text(["Loading jobs …"])
    for request in requests:
        request.continue_()
    expect(options(page)).to_have_text([re.compile(f"^{name}") for name in ("job 2", "job 1", "job 0")])
    # While jobs came one by one, the first to come stayed active; once one types, the first listed is.
    page.get_by_role("combobox", name="Add a job").fill("jo")
    page.keyboard.press("ArrowDown")
    expect(options(page, selected=True)).to_have_text([re.compile("^job 1")])
    with database.write() as session:
        edit_job(session, jobs[2].id, JobChanges(name="another"))
    expect(options(page)).to_have_text([re.compile(f"^{name}") for name in ("job 1", "job 0", "another")])
    page.keyboard.press("Enter")
    expect(result(page, "job 1")).to_be_visible()


def test_the_view_is_accessible_and_fits_a_phone(api_url: str, jobs: list[Job], open_page: OpenPage) -> None:
    page = open_page(link(api_url, []))
    expect(page.get_by_role("heading", name="Which jobs?")).to_be_visible()
    assert serious_faults(page) == []
    page.goto(link(api_url, jobs, f",gone&baseline={jobs[0].id}"))
    expect(page.get_by_text("1 job of the link is not there")).to_be_visible()
    expect(page.get_by_text("late 1")).to_be_visible()
    assert serious_faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
