"""What a client may keep the server busy with."""

from dataclasses import dataclass

from api.http.bodies import MAX_BODY_BYTES


@dataclass(frozen=True)
class Limits:
    connections: int = 4096
    """At once. One more takes the place of the one that has been waiting for a request for longest."""

    idle_s: float = 75
    """Without the beginning of a request, the first or the next."""

    head_s: float = 20
    """From the first byte of a request to the end of its head."""

    request_line_bytes: int = 16 * 1024
    """A prompt may stand in the query."""

    head_bytes: int = 32 * 1024

    header_fields: int = 100

    body_bytes: int = MAX_BODY_BYTES
    """Of a body that is read before its view is called."""

    bodies_bytes: int = 64 * 1024 * 1024
    """Of all such bodies together."""

    body_pause_s: float = 30
    """In which a body must end or bring `body_pause_bytes`, unless it is the view that is slow."""

    body_pause_bytes: int = 16 * 1024

    unread_s: float = 60
    """In which a client takes nothing of its answer."""

    linger_s: float = 5
    """In which a client may still send what nobody reads, so that it sees why."""

    wait_grace_s: float = 2
    """When the service stops: for what waits for a worker, before it is answered with 503."""

    grace_s: float = 8
    """When the service stops: for all other requests to end. `docker stop` kills after 10 s."""
