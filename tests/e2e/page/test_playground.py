"""The playground, with a checkpoint that a real worker asks."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from client import Pretrain
from client.records import Job
from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.seeds import checkpoint, evaluate
from tests.client.running import Running
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage
from tests.e2e.page.keyboard import Keyboard
from tests.jobs.making import running_job
from tests.small import small_spec


@pytest.fixture(scope="session")
def learned(service: Running) -> Job:
    """A job with three checkpoints, trained once for all tests."""
    checkpoints = {"every_epochs": None, "every_steps": 5, "keep_last": 3, "keep_best": 0}
    training = {"batch_size": 4, "grad_accumulation": 1, "max_steps": 12}
    spec = small_spec(name="asked", training=training, checkpoints=checkpoints)
    with Pretrain(service.url) as client:
        return client.jobs.wait(client.jobs.submit(spec)["id"])


def playground(service: Running, job: Job, query: str = "") -> str:
    return f"{service.url}/#/playground?job={job['id']}{query}"


def tokens(page: Page | Locator) -> Locator:
    return page.get_by_role("group", name="Generated tokens").locator(".token")


def generate(page: Page) -> None:
    page.get_by_role("button", name="Generate").last.click()
    expect(page.locator(".answer-status").first).to_have_text(re.compile(r"^50 tokens · "))


def answer_at_once(page: Page) -> None:
    """Answer prompts as a worker would, each with the one token `!`."""
    token = {"token": "!", "bytes": [33], "logprob": -0.1, "rank": 1, "top": []}
    record = {
        "completion_tokens": 1,
        "tokens_per_s": 9,
        "finish_reason": "length",
        "prompt_truncated": False,
        "logprobs": [token],
    }
    body = f"event: generation\ndata: {json.dumps(record)}\n\n"
    page.route("**/generate", lambda route: route.fulfill(content_type="text/event-stream", body=body))


def test_an_alternative_that_is_chosen_by_keyboard_is_what_the_text_goes_on_from(
    service: Running, learned: Job, open_page: OpenPage
) -> None:
    page = open_page(playground(service, learned))
    generate(page)
    expect(tokens(page)).to_have_count(50)
    before = tokens(page).all_text_contents()
    tokens(page).first.focus()
    page.keyboard.press("ArrowRight")
    card = page.get_by_role("group", name="The token")
    expect(card).to_contain_text("rank 1")
    page.keyboard.press("ArrowDown")
    other = card.get_by_role("button").nth(1)
    expect(other).to_be_focused()
    chosen = other.locator("code").inner_text().replace("·", " ")
    assert serious_faults(page) == []
    page.keyboard.press("Enter")
    branch = page.locator(".playground-branch")
    expect(branch).to_have_text(re.compile(re.escape((before[0] + chosen).strip())))
    expect(page.locator(".answer-status").first).to_have_text(re.compile(r"^50 tokens · "))
    expect(page).to_have_url(re.compile("given="))
    page.reload()
    expect(branch).to_be_visible()
    expect(tokens(page)).to_have_count(50)
    page.go_back()
    expect(branch).to_be_hidden()
    # The answer to the prompt alone is generated again, by the same seed.
    page.wait_for_function(
        "(before) => [...document.querySelectorAll('.token')].map((e) => e.textContent).join() === before",
        arg=",".join(before),
    )


def test_a_stream_is_stopped_and_what_there_is_stays(
    service: Running, learned: Job, open_page: OpenPage
) -> None:
    page = open_page(playground(service, learned, "&max_new_tokens=10000"))
    page.get_by_role("button", name="Generate").last.click()
    expect(tokens(page).nth(3)).to_be_visible()
    page.get_by_role("button", name="Stop").press("Enter")
    expect(page.locator(".answer-status").first).to_have_text(re.compile("^Stopped after"))
    shown = tokens(page).count()
    assert 4 <= shown < 10_000
    # The service has left it too: it counts the stream that nobody reads, and answers the next at once.
    abandoned = re.compile(r'duration_seconds_count\{outcome="abandoned"\} [1-9]')
    page.wait_for_function(
        "async (pattern) => new RegExp(pattern).test(await (await fetch('metrics')).text())",
        arg=abandoned.pattern,
    )
    assert tokens(page).count() == shown


def test_by_keyboard_alone_a_stream_is_stopped_and_gone_on_from(
    service: Running, learned: Job, open_page: OpenPage
) -> None:
    page = open_page(playground(service, learned, "&max_new_tokens=10000"))
    keyboard = Keyboard(page)
    expect(page.get_by_label("Prompt")).to_be_visible()
    keyboard.tab_to("Prompt")
    keyboard.press("Control+Enter")
    expect(tokens(page).nth(3)).to_be_visible()
    keyboard.tab_to("Stop")
    keyboard.press("Enter")
    expect(page.locator(".answer-status").first).to_have_text(re.compile("^Stopped after"))
    # The button goes; next is the answer.
    expect(tokens(page).first).to_be_focused()
    keyboard.press("ArrowRight", "ArrowDown")
    chosen = page.get_by_role("group", name="The token").get_by_role("button").nth(1)
    expect(chosen).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator(".playground-branch")).to_be_visible()
    keyboard.press("Escape")


def test_two_checkpoints_answer_the_same_prompt_side_by_side(
    service: Running, learned: Job, open_page: OpenPage
) -> None:
    page = open_page(playground(service, learned))
    page.get_by_role("button", name="Ask another one too").click()
    who = page.get_by_role("region", name="Who is asked").get_by_label("Checkpoint")
    expect(who).to_have_count(2)
    who.last.select_option("5")
    page.get_by_label("Tokens, at most").fill("8")
    page.get_by_role("button", name="Generate").last.click()
    for status in page.locator(".answer-status").all():
        expect(status).to_have_text(re.compile(r"^8 tokens · "))
    expect(page).to_have_url(re.compile("checkpoint2=5"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious_faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_the_time_machine_asks_every_checkpoint_in_turn(
    service: Running, learned: Job, open_page: OpenPage
) -> None:
    page = open_page(playground(service, learned, "&mode=time&max_new_tokens=6"))
    page.get_by_role("button", name="Ask every checkpoint").click()
    rows = page.get_by_role("list", name=re.compile("Answers of the checkpoints")).get_by_role("listitem")
    expect(rows).to_have_count(3)
    for row in rows.all():
        expect(row.locator(".token")).to_have_count(6)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    first_lines = [re.compile(rf"^{step}\n") for step in ("Step 5", "Step 10", "Step 12")]
    expect(rows).to_have_text(first_lines, use_inner_text=True)
    assert serious_faults(page) == []


def test_a_text_is_scored_as_the_service_scores_it(
    service: Running, learned: Job, open_page: OpenPage
) -> None:
    page = open_page(playground(service, learned, "&mode=score"))
    page.get_by_label("Text to score").fill("Every effort moves you.")
    page.get_by_role("button", name="Score", exact=True).click()
    scored = page.get_by_role("group", name="Scored tokens").locator(".token")
    expect(scored).to_have_count(23)
    with Pretrain(service.url) as client:
        score = client.score("Every effort moves you.", job_id=learned["id"])
    expect(page.locator("main")).to_contain_text(f"Loss{score['loss']:.3f}")
    assert serious_faults(page) == []


def test_an_answer_stays_below_what_it_answers_when_the_fields_change(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    first, second = (running_job(database, settings, name=name) for name in ("one", "two"))
    for job in (first, second):
        evaluate(database, job, 3)
        checkpoint(database, job, 5)
    page = open_page("about:blank")
    answer_at_once(page)
    page.goto(f"{api_url}/#/playground?job={first.id}&prompt=Every")
    page.get_by_role("button", name="Generate").last.click()
    answer = page.locator("answer-panel").first
    expect(answer.locator(".answer-status")).to_contain_text("1 token")
    page.get_by_label("Prompt").fill("Other")
    page.get_by_label("Prompt").press("Tab")
    page.get_by_label("Job or model").first.select_option(f"job:{second.id}")
    expect(page).to_have_url(re.compile(f"job={second.id}.*prompt=Other|prompt=Other.*job={second.id}"))
    expect(page.get_by_role("link", name="Its curves")).to_have_attribute("href", f"#/jobs/{second.id}")
    expect(answer.get_by_role("heading")).to_have_text("one the newest")
    expect(answer.get_by_role("group", name="Generated tokens")).to_contain_text("Every!")
    page.get_by_role("button", name="Generate").last.click()
    expect(answer.get_by_role("heading")).to_have_text("two the newest")
    expect(answer.get_by_role("group", name="Generated tokens")).to_contain_text("Other!")


def test_the_time_machine_shows_no_answer_of_another_jobs_checkpoint(
    api_url: str, database: Database, settings: Settings, open_page: OpenPage
) -> None:
    first, second = (running_job(database, settings, name=name) for name in ("one", "two"))
    for job, loss in ((first, 6.0), (second, 4.0)):
        evaluate(database, job, 3)
        checkpoint(database, job, 5, val_loss=loss)
    page = open_page("about:blank")
    answer_at_once(page)
    page.goto(f"{api_url}/#/playground?job={first.id}&mode=time")
    row = page.get_by_role("list", name=re.compile("Answers of the checkpoints")).get_by_role("listitem")
    expect(row).to_contain_text("loss 6.000")
    page.get_by_role("button", name="Ask every checkpoint").click()
    expect(row.locator(".token")).to_have_text(["!"])
    page.get_by_label("Job or model").first.select_option(f"job:{second.id}")
    expect(row).to_contain_text("loss 4.000")
    expect(row).to_contain_text("Not asked yet")
