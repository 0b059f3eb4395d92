"""What a client may keep the server busy with."""

from dataclasses import dataclass

from api.http.bodies import MAX_BODY_BYTES


@dataclass(frozen=True)
class Limits:
    connections: int = 4096
    """Open at once. One more takes the place of the one that has waited for a request for longest."""

    idle_s: float = 75
    """Without the beginning of a request, the first or the next (keep-alive)."""

    head_s: float = 20
    """From the first byte of a request to the end of its head."""

    request_line_bytes: int = 16 * 1024
    """Generous, because a prompt may be in the query."""

    head_bytes: int = 32 * 1024

    header_fields: int = 100

    body_bytes: int = MAX_BODY_BYTES
    """Of a body that is buffered before its view is called."""

    buffered_bodies_bytes: int = 64 * 1024 * 1024
    """Of all buffered bodies together."""

    body_interval_s: float = 30
    """A body must end or bring `body_interval_bytes` within this time, unless it is the view that is slow."""

    body_interval_bytes: int = 16 * 1024

    unread_s: float = 60
    """In which a client reads nothing of its response."""

    linger_s: float = 5
    """After the last response, for a client that is still sending: if its connection was reset it could not
    read why it was refused."""

    generation_grace_s: float = 2
    """When the service stops: for generations to end, before they are answered with 503."""

    grace_s: float = 8
    """When the service stops: for all other requests to end. `docker stop` kills after 10 s."""
