"""Responses whose body the server's event loop sends piece by piece, whenever there is something to send:
while there is nothing, they hold no thread."""

from contextvars import ContextVar
from typing import Protocol


class Sink(Protocol):
    """Where the body goes: a connection. For the event loop alone."""

    @property
    def has_room(self) -> bool:
        """Whether the client has read so much of what was sent that more should be."""

    def push(self, data: bytes) -> None: ...

    def end_response(self) -> None:
        """The body is complete."""


class PushedBody(Protocol):
    """The server calls all of it, in its event loop."""

    def start(self, sink: Sink) -> None:
        """The head is sent."""

    def resume(self) -> None:
        """The sink has room again."""

    def stop(self) -> None:
        """End it: the service is stopping, or the client sends nothing more and is taken to have gone."""

    def close(self) -> None:
        """It is over, and the sink takes nothing more. Called once, also after `end_response`."""


_offered: ContextVar[list[PushedBody] | None] = ContextVar("pushed_body", default=None)


def offer_to_push() -> list[PushedBody]:
    """Called by a server that can, in the context of the request. Returns where the body is once there is
    one."""
    bodies: list[PushedBody] = []
    _offered.set(bodies)
    return bodies


def push_body(body: PushedBody) -> None:
    """Have the server send this in place of the body of the response that the view returns. That is sent all
    the same by one that can't, such as Flask's test client."""
    bodies = _offered.get()
    if bodies is not None:
        bodies.append(body)
