"""What axe finds wrong with a page, in both themes."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Until the theme that was just asked for is drawn, whose colours axe would else mix with the one before."""
SERIOUS = {"serious", "critical"}


def serious_faults(page: Page) -> list[str]:
    """Of the view that is shown, in light and in dark; empty if there are none."""
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.evaluate(FRAMES)
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(AXE)  # by the debugger, which the page's Content-Security-Policy does not bind
        violations: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
        found += [
            f"{theme}: {violation['id']}: {violation['help']}: {node['html'][:200]}"
            for violation in violations
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]
    return found
