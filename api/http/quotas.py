"""What each token may ask for, so that one client leaves something to the others."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, request

from api.http.problems import HTTPProblem
from api.http.slots import Slots
from api.rates import RequestRates, whole_seconds
from jobs.settings import Settings

EXTENSION = "quotas"
HELD = "generation_slot"
"""In `g`: gives back the slot that the request holds."""
RETRY_GENERATION_S = 1
"""Nobody can know when one of the others ends."""


class Quotas:
    """Of this process, in memory. Requests without a token are not counted: they come from this machine.

    is_generation  whether a view waits for a generation worker
    """

    def __init__(self, settings: Settings, is_generation: Callable[[Callable[..., Any]], bool]) -> None:
        self.is_generation = is_generation
        self._settings = settings
        self._rates = RequestRates(settings.requests_per_minute) if settings.requests_per_minute else None
        self.generations = Slots(settings.generations_at_once) if settings.generations_at_once else None

    def take_request(self, token_id: str) -> None:
        """raises  HTTPProblem (429)"""
        if self._rates is None:
            return
        if wait_ns := self._rates.take(token_id):
            allowed = self._settings.requests_per_minute
            raise too_many(
                f"this token has made more requests than {allowed:,} a minute, which is the service's limit "
                "(PRETRAIN_REQUESTS_PER_MINUTE)",
                whole_seconds(wait_ns),
            )

    def take_generation(self, token_id: str) -> None:
        """Hold a slot until the response has been sent. raises  HTTPProblem (429)"""
        if self.generations is None:
            return
        if not self.generations.take(token_id):
            raise too_many(
                f"this token has {self._settings.generations_at_once:,} generations or texts to score "
                "unanswered, which is the service's limit (PRETRAIN_GENERATIONS_AT_ONCE)",
                RETRY_GENERATION_S,
            )
        setattr(g, HELD, partial(self.generations.give_back, token_id))


def hold_to_quotas(token_id: str | None) -> None:
    """Called once it is known who asks. raises  HTTPProblem (429)"""
    if token_id is None:
        return
    quotas: Quotas = current_app.extensions[EXTENSION]
    quotas.take_request(token_id)
    if quotas.is_generation(current_app.view_functions[request.endpoint or ""]):
        quotas.take_generation(token_id)


def register_quotas(app: Flask) -> None:
    """To be called before anything else is registered to run after requests: what is registered first runs
    last, when nothing can replace the response any more with which the slot is given back."""
    app.after_request(give_back_with)
    app.teardown_request(give_back)


def give_back_with(response: Response) -> Response:
    """A stream holds its slot until it has been sent or its client has gone."""
    held = g.pop(HELD, None)
    if held is not None:
        response.call_on_close(held)
    return response


def give_back(_: BaseException | None = None) -> None:
    """That of a request which has ended without a response."""
    held = g.pop(HELD, None)
    if held is not None:
        held()


def too_many(detail: str, retry_after_s: int) -> HTTPProblem:
    """A 429."""
    return HTTPProblem(HTTPStatus.TOO_MANY_REQUESTS, detail, retry_after_s=retry_after_s)
