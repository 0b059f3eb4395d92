"""What a function of the product returns while a test runs."""

from types import ModuleType
from typing import Any

import pytest


def returned_by(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[Any]:
    """The results of `module`'s function `name`, as its calls come in from now on."""
    function = getattr(module, name)
    results: list[Any] = []

    def called(*arguments: Any) -> Any:
        results.append(function(*arguments))
        return results[-1]

    monkeypatch.setattr(module, name, called)
    return results
