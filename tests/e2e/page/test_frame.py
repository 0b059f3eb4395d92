"""The page's frame: it loads, works by itself, and is accessible."""

from urllib.parse import urlsplit, urlunsplit

from playwright.sync_api import Route, expect

from tests.client.running import Running
from tests.e2e.page.accessibility import serious_faults
from tests.e2e.page.conftest import OpenPage


def test_the_page_follows_what_happens_as_soon_as_it_is_open(service: Running, open_page: OpenPage) -> None:
    page = open_page(service.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    assert serious_faults(page) == []


def test_a_theme_that_is_chosen_stays(service: Running, open_page: OpenPage) -> None:
    page = open_page(service.url, color_scheme="light")
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitemcheckbox", name="Dark").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


def test_a_link_to_nothing_says_so_and_leads_back(service: Running, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/#/nowhere?a=1")
    page.get_by_role("link", name="All jobs", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_focused()


def test_the_page_works_below_any_path_of_a_proxy(api_url: str, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    elsewhere = []

    def forward(route: Route) -> None:
        """As a proxy that has the service at /below/ does."""
        parts = urlsplit(route.request.url)
        if not parts.path.startswith("/below/"):
            elsewhere.append(parts.path)
        route.continue_(url=urlunsplit(parts._replace(path=parts.path.removeprefix("/below"))))

    page.route("**/*", forward)
    page.goto(f"{api_url}/below/")
    expect(page.get_by_role("banner").get_by_role("status")).to_have_text("Live")
    expect(page.get_by_role("button", name="Start a first look")).to_be_enabled()
    assert elsewhere == []


def test_the_first_view_is_small(api_url: str, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    sent = []
    page.on("requestfinished", lambda request: sent.append(request.sizes()["responseBodySize"]))
    page.goto(api_url)
    expect(page.get_by_role("button", name="Start a first look")).to_be_enabled()
    assert 20_000 < sum(sent) < 250_000


def test_on_a_phone_all_views_are_in_sight(service: Running, open_page: OpenPage) -> None:
    page = open_page(service.url, width=390, height=844)
    views = page.get_by_role("navigation", name="Views")
    for name in ("Jobs", "Compare", "Playground", "Data", "Learn"):
        expect(views.get_by_role("link", name=name, exact=True)).to_be_in_viewport(ratio=1)
    assert not views.evaluate("(element) => element.scrollWidth > element.clientWidth")
