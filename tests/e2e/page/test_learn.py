"""The lecture, told on a job that really trains: the numbers are those that the service gives."""

import math
import re

from playwright.sync_api import Locator, Page, expect

from jobs.settings import Settings
from jobs.store.database import Database
from tests.client.running import Running
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.jobs.making import long_dataset, unprepared_job

SPEC = {
    "name": "to learn from",
    "preset": "tiny",
    "dataset": "sample",
    "training": {"max_steps": 4},
    "evaluation": {"eval_iter": 1},
}


def section(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title)


def test_the_lesson_has_the_numbers_of_ones_own_job(service: Running, open_page: OpenPage) -> None:
    page = open_page(service.url)
    job = page.request.post(f"{service.url}/jobs", data=SPEC).json()
    page.goto(f"{service.url}/#/learn?job={job['id']}")
    windows = section(page, "A text becomes exercises")
    expect(windows).to_contain_text("Window 1 of 73")
    expect(windows).to_contain_text("The training part has 4,688")
    windows.get_by_role("button", name="Company").first.click()
    expect(windows.get_by_role("status")).to_contain_text("After 1 token the right answer is  Company")
    # All of them are one stop of Tab.
    expect(windows.get_by_role("group").locator('[tabindex="0"]')).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(windows.get_by_role("status")).to_contain_text("After 2 tokens the right answer is")
    expect(windows.get_by_role("button", pressed=True)).to_be_focused()
    windows.get_by_role("slider", name="Window").press("End")
    expect(windows).to_contain_text("Window 73 of 73")

    parameters = section(page, "The numbers that are learned")
    expect(parameters).to_contain_text("50,257 × 64")
    expect(parameters.get_by_role("row", name="Together")).to_contain_text("3,320,256")

    loss = section(page, "The loss, taken apart")
    expect(loss).to_contain_text("ln(50,257) = 10.8249")
    loss.get_by_role("button", name="Never read").click()
    expect(loss.get_by_role("row", name="fox")).to_be_visible()
    text = loss.get_by_role("textbox", name="Text to score").input_value()
    asked = {"job_id": job["id"], "text": text}
    scored = page.request.post(f"{service.url}/score", data=asked).json()
    expect(loss).to_contain_text("By checkpoint 4, in float32")
    nats = [token["nats"] for token in scored["tokens"][1:]]
    assert math.isclose(scored["loss"], sum(nats) / len(nats))
    expect(loss.get_by_role("row", name="fox")).to_contain_text(f"{nats[2]:.4f}")
    expect(loss).to_contain_text(f"÷ {len(nats)} tokens = {scored['loss']:#.4g} nats a token")

    loop = section(page, "The loop")
    expect(loop).to_contain_text("4 of 4, epoch 1")
    expect(section(page, "Why the validation loss rises").get_by_text("What it writes")).to_be_visible()

    decoding = section(page, "From probabilities to a text")
    expect(decoding.get_by_role("status")).to_contain_text("20 tokens are left")
    likeliest = decoding.get_by_role("list").locator(".lesson-token").first.inner_text()
    decoding.get_by_role("slider", name="Temperature").press("Home")
    expect(decoding.get_by_role("status")).to_contain_text("1 token is left")
    expect(page).to_have_url(re.compile("temperature=0"))
    decoding.get_by_role("button", name="Draw the next token").click()
    so_far = decoding.get_by_role("textbox", name="Text so far")
    expect(so_far).to_have_value(f"Every effort moves you{likeliest}")
    page.reload()
    expect(decoding.get_by_role("status")).to_contain_text("1 token is left")
    assert serious_faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_of_a_text_that_nobody_has_counted_it_says_so(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    page = open_page(f"{api_url}/#/learn?job={job.id}")
    parameters = section(page, "The numbers that are learned")
    expect(parameters).to_contain_text("How many tokens its text has is not known: its text is so long that")


def test_without_a_job_it_leads_to_one(api_url: str, open_page: OpenPage) -> None:
    page = open_page(f"{api_url}/#/learn")
    page.get_by_role("link", name="Start a job").click()
    expect(page.get_by_role("heading", name="New job")).to_be_visible()
