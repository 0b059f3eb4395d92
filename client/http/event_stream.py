"""Server-sent events (WHATWG HTML, section 9.2), as the service sends them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

POSITION = "position"
"""The name of what has an id and no data: where the stream has come to."""


@dataclass(frozen=True)
class StreamEvent:
    name: str
    data: Any
    """Decoded."""
    id: str | None = None
    """What to come back with, if it has one."""


def read_events(lines: Iterable[str]) -> Iterator[StreamEvent | None]:
    """The events of a stream's lines; None for each comment, which says that the connection is alive.

    raises  ValueError for data that is no JSON
    """
    name, event_id, has_data = "message", None, False
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            event_id = value
        elif field == "data":
            has_data = True
            yield StreamEvent(name, json.loads(value), event_id)
        elif line.startswith(":"):
            yield None
        elif not line:
            if event_id is not None and not has_data:
                yield StreamEvent(POSITION, {}, event_id)
            name, event_id, has_data = "message", None, False
