"""How far tests go: what runs every day, before a merge and with `--thorough`."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests import sweeps
from tests.conftest import is_due


class Item:
    """A test as pytest knows it, with markers and parameters."""

    def __init__(self, *markers: str, **params: str) -> None:
        self._markers = markers
        self.callspec = SimpleNamespace(params=params)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self._markers else None


ON_SQLITE, ON_POSTGRESQL = ({"backend": name} for name in ("sqlite", "postgresql"))


@pytest.mark.parametrize(
    ("item", "reaches"),
    [
        (Item(), "fast usual whole"),
        (Item("slow"), "usual whole"),
        (Item("thinned"), "fast usual whole"),
        (Item("thorough"), "whole"),
        (Item("thorough", "slow"), "whole"),
        (Item(numerics="float32"), "fast usual whole"),
        (Item(numerics="bfloat16"), "usual whole"),
        (Item(**ON_SQLITE), "fast usual whole"),
        (Item(**ON_POSTGRESQL), "usual whole"),
        (Item("sqlite_will_do", **ON_SQLITE), "fast usual whole"),
        (Item("sqlite_will_do", **ON_POSTGRESQL), "whole"),
        (Item("postgresql_will_do", **ON_SQLITE), "fast whole"),
        (Item("postgresql_will_do", **ON_POSTGRESQL), "usual whole"),
    ],
)
def test_a_test_is_run_as_far_as_its_markers_say(
    item: Any, reaches: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = []
    for reach in ("fast", "usual", "whole"):
        monkeypatch.setattr(sweeps, "reach", reach)
        if is_due(item):
            due.append(reach)
    assert " ".join(due) == reaches
