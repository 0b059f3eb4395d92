"""Clocks that a test moves: those of one module, never everybody's."""

import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def replace_clock(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, **functions: Callable[..., Any]
) -> None:
    """Let `module` find these in place of the functions of its `time`; other modules keep theirs."""
    monkeypatch.setattr(module, "time", SimpleNamespace(**{**vars(time), **functions}))
