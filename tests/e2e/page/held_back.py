"""Requests of a page that a test answers late."""

import re

from playwright.sync_api import Page, Route


def held_back(page: Page, pattern: re.Pattern[str]) -> list[Route]:
    """The requests that match, as they come: they wait until the test has them go on."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route(pattern, hold)
    return waiting
