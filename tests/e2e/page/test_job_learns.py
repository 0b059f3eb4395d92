"""The view of a job that a real worker trains."""

import re

from playwright.sync_api import Page, expect

from tests.client.running import Running
from tests.e2e.page.conftest import OpenPage

SPEC = {
    "name": "it learns",
    "preset": "tiny",
    "dataset": "sample",
    "tokenizer": "bytes",
    "model": {"context_length": 32, "emb_dim": 32},
    "training": {"num_epochs": 1000, "batch_size": 4},
    "evaluation": {"eval_freq": 5, "eval_iter": 1},
    "sampling": {"every_epochs": None, "every_steps": 20, "max_new_tokens": 20},
}
GROWN = """(step) => {
    const heading = document.querySelector("moment-panel h2")?.textContent ?? "";
    return Number(heading.replace(/[^0-9]/g, "") || -1) > step;
}"""


def newest_step(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator("moment-panel h2").inner_text()))


def test_the_curve_grows_while_it_trains_also_after_a_reload_until_it_is_asked_to_finish(
    service: Running, open_page: OpenPage
) -> None:
    page = open_page(service.url)
    job = page.request.post(f"{service.url}/jobs", data=SPEC).json()
    page.goto(f"{service.url}/#/jobs/{job['id']}")
    at = page.get_by_role("region", name="At the cursor")
    page.wait_for_function(GROWN, arg=0)
    step = newest_step(page)
    page.reload()
    page.wait_for_function(GROWN, arg=step + 10)
    expect(at.get_by_role("heading", name=re.compile("Sample of step"))).to_be_visible()

    page.get_by_role("button", name="Finish now").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Finish it").press("Enter")
    expect(page.get_by_role("status").filter(has_text="succeeded")).to_be_visible()
    expect(page.get_by_text("a person had it finish")).to_be_visible()
    last = page.request.get(f"{service.url}/jobs/{job['id']}/losses").json()["data"][-1]["step"]
    page.wait_for_function(GROWN, arg=last - 1)
    assert newest_step(page) == last
    expect(at).to_contain_text(f"Checkpoint {last + 1:,}of this step")
