"""A job from the form: what is wrong is said beside its field, and what it would take as one types."""

import json
import re

from playwright.sync_api import Locator, Page, expect

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import JobFilter, list_jobs
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.faults import Faults
from tests.jobs.making import queued_job
from tests.waiting import wait_until


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("textbox", name=name, exact=True)


def test_what_is_typed_is_judged_and_estimated_and_then_started(
    api_url: str, database: Database, open_page: OpenPage, faults: Faults
) -> None:
    faults.allow("status of 422")
    page = open_page(f"{api_url}/#/new?preset=tiny")
    verdict = page.get_by_role("complementary").get_by_role("status")
    page.get_by_role("combobox", name="Data set", exact=True).select_option("sample")
    expect(verdict).to_contain_text("Fits here: yes")
    aside = page.get_by_role("complementary")
    expect(aside).to_contain_text("3,320,256")
    expect(aside).to_contain_text("3 epochs of 36 steps")

    heads = box(page, "Attention heads")
    heads.fill("5")
    expect(box(page, "Embedding width")).to_have_accessible_description(
        re.compile(r"must be a multiple of model\.n_heads \(5\)")
    )
    expect(verdict).to_contain_text("1 field to mend")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".new-job-brief")).to_have_text("1 field to mend")
    expect(page.locator(".new-job-brief")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 800})
    verdict.get_by_role("button", name="Embedding width").click()
    expect(box(page, "Embedding width")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("80")
    expect(verdict).to_contain_text("Fits here: yes")
    expect(aside).to_contain_text("4,181,040")

    box(page, "Name").fill("by hand")
    page.get_by_role("button", name="Attention heads as the preset has it").click()
    expect(heads).to_have_value("4")
    shown = page.get_by_label("The JSON", exact=True)
    wanted = {"preset": "tiny", "dataset": "sample", "model": {"emb_dim": 80}, "name": "by hand"}
    wait_until(lambda: json.loads(shown.inner_text()) == wanted, f"the JSON was {wanted}")
    page.reload()
    expect(box(page, "Name")).to_have_value("by hand")
    expect(box(page, "Embedding width")).to_have_value("80")

    page.get_by_role("button", name="Start training").dblclick()
    expect(page.get_by_role("heading", name="by hand")).to_be_visible()
    with database.read() as session:
        [job], _ = list_jobs(session, JobFilter(), 10, None)
    assert page.url.endswith(f"#/jobs/{job.id}")
    assert (job.spec["model"]["emb_dim"], job.spec["model"]["n_heads"]) == (80, 4)


def test_another_job_is_made_again_with_what_one_changes(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    old = queued_job(database, settings, name="old", training={"seed": 7})
    page = open_page(f"{api_url}/#/new?from={old.id}")
    expect(box(page, "Seed")).to_have_value("7")
    expect(page.get_by_text("3 fields differ from the preset")).to_be_visible()
    page.get_by_text("Samples", exact=True).click()
    page.get_by_role("button", name="Add a prompt").click()
    page.keyboard.type("Once upon")
    shown = page.get_by_label("The JSON", exact=True)
    prompts = ["Every effort moves you", "Once upon"]
    sampling = {"start_context": prompts}
    wait_until(lambda: json.loads(shown.inner_text()).get("sampling") == sampling, f"the JSON had {sampling}")
    page.get_by_role("tab", name="pretrain submit").click()
    expect(page.get_by_label("The command", exact=True)).to_contain_text("--set training.seed=7")
    assert serious_faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="old")).to_be_visible()
    with database.read() as session:
        newest = list_jobs(session, JobFilter(), 1, None)[0][0]
    assert newest.spec["sampling"]["start_context"] == prompts
    assert newest.spec["training"]["seed"] == 7
