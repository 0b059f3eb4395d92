"""A line in the log for each request that has been answered, or has not."""

import logging
import time
from dataclasses import dataclass, field

from api.server.environ import RequestHead
from jobs.process.logs import ACCESS_LOGGER
from jobs.validation.quoting import cut

log = logging.getLogger(ACCESS_LOGGER)


@dataclass
class Exchange:
    """A request, and what has been sent of its response.

    head  None if none was understood
    """

    head: RequestHead | None
    request_id: str
    status: int | None = None
    sent_bytes: int = 0
    """Headers included."""
    began_s: float = field(default_factory=time.monotonic)
    """When the request had arrived, or so much of it as its view waits for."""

    def write_line(self, *, is_whole: bool) -> None:
        """The path without the query, which may hold a prompt.

        is_whole  whether all of the response was handed to the system
        """
        if not log.isEnabledFor(logging.INFO):
            return
        method, path = (self.head.method, self.head.path) if self.head else ("-", "-")
        shown_path = cut(path.encode("latin-1").decode(errors="replace"))
        seconds = time.monotonic() - self.began_s
        fields = {
            "request_id": self.request_id,
            "method": cut(method),
            "path": shown_path,
            "status": self.status,
            "seconds": round(seconds, 6),
            "bytes": self.sent_bytes,
            "is_whole": is_whole,
        }
        log.info("%s %s %s", cut(method), shown_path, self.status, extra=fields)
