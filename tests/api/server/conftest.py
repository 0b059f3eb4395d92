"""Views that wait, and the server before them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from api.server.limits import Limits
from tests.api.server.serving import Served, serving
from tests.api.server.views import Views
from tests.waiting import PATIENCE_S


@pytest.fixture
def views() -> Iterator[Views]:
    views = Views()
    yield views
    views.may_finish.set()


Start = Callable[..., Served]


@pytest.fixture
def start(views: Views) -> Iterator[Start]:
    """Serves the views, with limits of the test."""
    with ExitStack() as stack:

        def begin(**limits: Any) -> Served:
            usual = {"grace_s": 0, "generation_grace_s": 0, "linger_s": PATIENCE_S}
            return stack.enter_context(serving(views.app, Limits(**{**usual, **limits})))

        yield begin
        views.may_finish.set()
