"""The page in Debian's chromium, against a whole service that all of a process's tests share."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.conftest import application
from tests.api.server.serving import serving
from tests.client.running import Running, environment_on
from tests.e2e.page.faults import Faults
from tests.waiting import PATIENCE_S, wait_until

CHROMIUM = shutil.which("chromium")

expect.set_options(timeout=PATIENCE_S * 1000)  # its own 5 s are too few for a busy machine

LATE = """(() => {
    const LATE_MS = 150;
    const { requestAnimationFrame: draw, fetch: ask } = window;
    window.requestAnimationFrame = (act) => setTimeout(() => draw(act), LATE_MS);
    window.fetch = (...asked) => new Promise((settle) => setTimeout(() => settle(ask(...asked)), LATE_MS));
})();"""
"""What the page draws and what it asks for come late, as on a busy machine: a test that does not wait for
what it looks at fails always, not once in a thousand times."""

OpenPage = Callable[..., Page]


@contextmanager
def running_service(folder: Any, **variables: str) -> Iterator[Running]:
    """`pretrain up` on a data folder in `folder`, ready, killed with all its processes at the end."""
    environment = environment_on(
        folder / "data", PRETRAIN_THREADS="1", PRETRAIN_SPARE_TRAINER="false", **variables
    )
    running = Running(["up", "--port", "0"], environment)
    try:
        running.wait_for("pretrain is ready.")
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        wait_until(lambda: not running.processes(), "all processes were gone")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for all tests of the page, on SQLite: they make their own jobs, and find them by name."""
    with running_service(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def backend() -> str:
    """The page knows no database: one will do."""
    return "sqlite"


@pytest.fixture
def api_url(settings: Settings, database: Database) -> Iterator[str]:
    """The API alone, in this process, on a database that the test fills: what needs no worker is tried so."""
    with serving(application(settings)) as served:
        yield f"http://127.0.0.1:{served.port}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("the page was not tried: there is no chromium on PATH")
    with sync_playwright() as playwright:
        # Root has no sandbox of chromium's, and in containers /dev/shm is small.
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=options, timeout=PATIENCE_S * 1000
        )
        yield launched
        launched.close()


@pytest.fixture
def faults() -> Faults:
    """What the page must not do. A test that has the service refuse or stop allows what the console says
    then: `faults.allow("401")`."""
    return Faults()


@pytest.fixture
def open_page(browser: Browser, faults: Faults) -> Iterator[OpenPage]:
    """Opens a page in a browser of its own, `open_page(url, width=390, color_scheme="dark")`; the test fails
    if one has an error in its console, or asks another host for anything."""
    contexts: list[BrowserContext] = []

    def begin(url: str, width: int = 1280, height: int = 800, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        context.add_init_script(LATE)
        page = context.new_page()
        faults.watch(page)
        page.goto(url)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert faults.found == []
