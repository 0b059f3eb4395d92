"""A server of the charts and of a page that shows them, and a browser on it."""

import mimetypes
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page

from api.pages.files import CONTENT_SECURITY_POLICY
from tests.e2e.page.conftest import OpenPage

HERE = Path(__file__).parent
STATIC = HERE.parents[3] / "api" / "pages" / "static"


class Files(BaseHTTPRequestHandler):
    """`/static/` under the Content-Security-Policy that the API sends, and beside it the tests' own page."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0].lstrip("/")
        file = STATIC / path.removeprefix("static/") if path.startswith("static/") else HERE / path
        body = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing: the browser's console is what tests look at."""


@pytest.fixture(scope="session")
def charts_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/demo.html"
    server.shutdown()
    server.server_close()


@pytest.fixture
def demo(open_page: OpenPage, charts_url: str, request: pytest.FixtureRequest) -> Page:
    """The page with all charts drawn, as wide and in the colours that the test's parameters ask for."""
    page = open_page(charts_url, **getattr(request, "param", {}))
    page.wait_for_function("window.isReady === true")
    wait_until_drawn(page)
    return page


def wait_until_drawn(page: Page) -> None:
    """Until what has changed so far is on the screen."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
