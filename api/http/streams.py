"""What a view can learn of the connection that its answer goes to."""

from collections.abc import Callable
from contextvars import ContextVar

_told: ContextVar[Callable[[], bool] | None] = ContextVar("client_has_gone", default=None)


def client_has_gone() -> bool:
    """Whether nobody waits for the present request's answer any more: its client has closed the connection,
    or the service is stopping.

    To be asked again and again by a view that waits, or by an answer that is made while it is sent, from the
    thread that it was called in. Always False under a server that does not tell, such as Flask's test client.
    """
    told = _told.get()
    return False if told is None else told()


def tell_of_client(told: Callable[[], bool]) -> None:
    """Say how to learn it of the request that this context belongs to. For the server."""
    _told.set(told)
