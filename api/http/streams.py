"""Responses that are made while they are sent: server-sent events (WHATWG HTML, section 9.2)."""

from collections.abc import Iterator
from typing import Any, Protocol

from flask import Response

from jobs.validation.strict_json import to_json

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_S = 15
"""Without an event, after which a comment tells proxies and clients that the connection is alive."""
HEARTBEAT = b": still here\n\n"
DONE = b"data: [DONE]\n\n"
"""The last event of OpenAI's streams, which is no JSON."""

HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-transform"}
"""So that no proxy holds events back, to buffer or to compress them."""


class Closable(Protocol):
    def close(self) -> object: ...


def event(data: Any, name: str | None = None, event_id: int | None = None) -> bytes:
    """An event whose data is JSON, on one line as that has it."""
    head = "" if event_id is None else f"id: {event_id}\n"
    head += "" if name is None else f"event: {name}\n"
    return f"{head}data: {to_json(data)}\n\n".encode()


def event_stream(events: Iterator[bytes], source: Closable) -> Response:
    """A response of events, each sent as it is made, in the pool of streams.

    source  closed at the end, also if no event was ever asked for: what makes the events
    """
    response = Response(events, content_type=f"{MEDIA_TYPE}; charset=utf-8", headers=HEADERS)
    response.call_on_close(source.close)
    return response
