"""What a service that starts still waits for, told in one line whenever it is something else."""

import json
import re
from collections.abc import Callable

import httpx2

from client.http.api_error import api_error
from client.local.probe import ask
from client.plain_text import one_line

WAITS_FOR_DATABASE = "waiting for the database: "
"""How a line of `python -m migrations` begins."""
DIGITS = re.compile(r"\d+")


class Waiting:
    """What is waited for. Seconds that go by in the reason of one and the same wait are no news.

    report  prints a message
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._told = ""

    def tell(self, missing: str) -> None:
        """Tell that the service waits for `missing`, unless that was told last."""
        news = DIGITS.sub("", missing)
        if news != self._told:
            self._told = news
            self._report(f"Waiting for {missing}")


def find_missing(url: str) -> str | None:
    """What the service at `url` lacks to take jobs and work on them; None if it is ready."""
    try:
        response = ask(f"{url}/readyz")
    except httpx2.HTTPError:
        return "the API"
    if response.is_success:
        return None
    error = api_error(response)
    return one_line(error.detail or error)


def database_awaited(log: str) -> str | None:
    """Why the migrations wait for the database, by the last line of their log, which is text or JSON; None if
    that says nothing of it."""
    line = (log.splitlines() or [""])[-1]
    if line.startswith("{"):
        try:
            line = json.loads(line)["message"]
        except (ValueError, KeyError):
            return None  # it is being written
    return line.removeprefix(WAITS_FOR_DATABASE) if line.startswith(WAITS_FOR_DATABASE) else None
