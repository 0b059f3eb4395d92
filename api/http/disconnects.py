"""How a view learns that its client has disconnected."""

from collections.abc import Callable
from contextvars import ContextVar

_is_disconnected: ContextVar[Callable[[], bool] | None] = ContextVar("is_disconnected", default=None)


def client_disconnected() -> bool:
    """Whether nobody waits for the response any more: the client has closed the connection, or the service is
    stopping.

    For a view that waits, or a response that is made while it is sent; each asks again and again, in the
    thread that it was called in. Always False under a server that does not say, such as Flask's test client.
    """
    is_disconnected = _is_disconnected.get()
    return False if is_disconnected is None else is_disconnected()


def set_disconnect_check(is_disconnected: Callable[[], bool]) -> None:
    """Called by the server, in the context of the request."""
    _is_disconnected.set(is_disconnected)
