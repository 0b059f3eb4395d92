"""What no page may do, whatever a test is about."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request


class Faults:
    """Errors in the console, exceptions that nobody caught, requests to other hosts."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._allowed: list[str] = []

    def allow(self, pattern: str) -> None:
        """From now on, what matches this regular expression is no fault."""
        self._allowed.append(pattern)

    def watch(self, page: Page) -> None:
        """Note its faults from now on. Its host is the one that it goes to first."""
        hosts: set[str] = set()

        def on_console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                self._note(f"console: {message.text} ({message.location.get('url')})")

        def on_error(error: Error) -> None:
            self._note(f"exception: {error}")

        def on_request(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in {"blob", "data"}:
                return
            if not hosts:
                hosts.add(parts.netloc)
            if parts.netloc not in hosts:
                self._note(f"request to elsewhere: {request.url}")

        page.on("console", on_console)
        page.on("pageerror", on_error)
        page.on("request", on_request)

    def _note(self, fault: str) -> None:
        if not any(re.search(pattern, fault) for pattern in self._allowed):
            self.found.append(fault)
