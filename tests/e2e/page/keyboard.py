"""A person who has only a keyboard: nothing here points, clicks or gives the focus by a script."""

from playwright.sync_api import Page

MOST_STEPS = 250
NAME = """() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return "";
    const labels = [...(element.labels ?? [])].map((label) => label.innerText);
    const text = labels.join(" ") || element.innerText || element.title || "";
    const name = element.getAttribute("aria-label") ?? text;
    return name.replace(/\\s+/g, " ").trim();
}"""
"""What the element that has the focus is called; empty where nothing has it."""
RING = """() => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
    return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
}"""


class Keyboard:
    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def focused(self) -> str:
        name: str = self._page.evaluate(NAME)
        return name

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key)

    def type(self, text: str) -> None:
        self._page.keyboard.type(text)

    def tab_to(self, name: str, key: str = "Tab") -> None:
        """Go on until something is focused whose name begins so, which has to be seen to have the focus."""
        passed = []
        for _ in range(MOST_STEPS):
            self._page.keyboard.press(key)
            if self.focused.startswith(name):
                assert self._page.evaluate(RING), f"one can't see that {name!r} has the focus"
                return
            passed.append(self.focused)
        raise AssertionError(f"{key} does not lead to {name!r}, but to {passed}")

    def back_to(self, name: str) -> None:
        self.tab_to(name, "Shift+Tab")
