"""What the groups of methods have in common: a connection, and lists that come page by page."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import httpx2

from client.http.response_models import ResponseModel
from client.http.transport import CONNECT_TIMEOUT_S, Transport

MAX_PAGE = 1000
"""Entries of a list that the service sends at once."""
PATIENT = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
"""For what the service itself limits, perhaps to longer than a client would guess."""
DOWNLOAD_TIMEOUT = httpx2.Timeout(300, connect=CONNECT_TIMEOUT_S)
"""Until the next bytes come: the service may read all of some weights before the first."""
UPLOAD_TIMEOUT = httpx2.Timeout(600, connect=CONNECT_TIMEOUT_S)
"""For the service to take a block, to write the whole text to its disk, or to delete files from it."""


class Resource:
    """A group of methods over one connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _pages(
        self,
        path: str,
        model: type[ResponseModel],
        *,
        parameter: str = "after",
        cursor: str = "id",
        start: Any = None,
        limit: int | None = None,
        page_size: int | None = None,
        **query: Any,
    ) -> Iterator[Any]:
        """The entries of a list, which is asked for page by page as they are taken.

        parameter  of the query: which entry a page begins after
        cursor     the field by which it names that entry
        limit      how many, at most
        page_size  how many are asked for at once, where `limit` says nothing; None: as many as the service
                   likes
        """
        pages = self._all_pages(path, model, parameter, cursor, start, limit, page_size, query)
        return islice(pages, limit)

    def _all_pages(
        self,
        path: str,
        model: type[ResponseModel],
        parameter: str,
        cursor: str,
        after: Any,
        left: int | None,
        page_size: int | None,
        query: dict[str, Any],
    ) -> Iterator[Any]:
        while True:
            size = page_size if left is None else min(left, MAX_PAGE)
            asked = without_none(**query, limit=size, **{parameter: after})
            page = self._transport.json("GET", path, model, params=asked)
            yield from page["data"]
            if not page["has_more"]:
                return
            if left is not None and (left := left - len(page["data"])) <= 0:
                return
            if not page["data"] or page["data"][-1][cursor] == after:
                raise self._transport.unexpected_response(f"a page of {path} that leads nowhere")
            after = page["data"][-1][cursor]


def without_none(**parameters: Any) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
