"""Server-sent events (WHATWG HTML, section 9.2), as the service sends them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def read_events(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Name and decoded data of each event of a stream's lines; comments are left out.

    raises  ValueError for data that is no JSON
    """
    name = "message"
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
            name = "message"
