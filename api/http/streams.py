"""What a view can learn of the connection that its answer goes to."""

from collections.abc import Callable

from flask import request

CLIENT_HAS_GONE = "pretrain.client_has_gone"
"""Key of the WSGI environment under which the server puts a function without arguments."""


def client_has_gone() -> bool:
    """Whether nobody waits for the present request's answer any more.

    To be asked again and again by a view that waits, from the thread that it was called in. Always False
    under a server that does not tell, such as Flask's test client.
    """
    told: Callable[[], bool] | None = request.environ.get(CLIENT_HAS_GONE)
    return False if told is None else told()
