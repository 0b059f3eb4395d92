"""Server-sent events, read by another hand than the client's."""

import json
from collections.abc import Iterable
from typing import Any


def parse_events(body: str | Iterable[str]) -> list[tuple[str, Any]]:
    """Name and decoded data of each event of a stream, or of its lines."""
    lines = body.split("\n") if isinstance(body, str) else body
    events: list[tuple[str, Any]] = []
    name = "message"
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            events.append((name, json.loads(value)))
            name = "message"
    return events
