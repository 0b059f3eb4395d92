"""The service itself: what it allows and has, what happens in it, who has changed what."""

from collections.abc import Iterator, Sequence

from client.api.following import follow
from client.api.job_events import NEWEST, streamed
from client.api.resource import UPLOAD_TIMEOUT, Resource, without_none
from client.http import response_models
from client.http.response_models import Page
from client.http.transport import CONNECT_TIMEOUT_S
from client.records import AuditEntry, Disk, Event, Limits, ProgressEvent, Pruned, Worker


class Service(Resource):
    def limits(self) -> Limits:
        """What the service allows and has: sizes, steps, seconds, bytes of memory and disk, its workers."""
        return self._transport.json("GET", "/limits", response_models.ResponseModel)

    def workers(self) -> list[Worker]:
        """What each worker is at, what it trains on, and which are hung or lost."""
        return list(self._pages("/workers", Page[response_models.Worker]))

    def version(self) -> str:
        """The service's version."""
        found: str = self._transport.json("GET", "/version", response_models.Version)["version"]
        return found

    def check_ready(self) -> None:
        """Return if the service can take jobs and works on them.

        raises  ApiError 503, whose `checks` say what is missing
        """
        self._transport.request("GET", "/readyz", timeout=CONNECT_TIMEOUT_S)

    def events(self, *, after: str | None = None) -> Iterator[Event | ProgressEvent]:
        """What happens to all jobs, as it happens, without end; outages of the service are waited for, and
        nothing of them is missing.

        after   the id of the event to begin behind; None: with what happens next
        raises  Unreachable when an outage outlasts `patience_s`
        """
        events = follow(
            lambda last, silence_s: streamed(self._transport, "/events", last, silence_s),
            is_last=lambda event: False,
            after=after or NEWEST,
            patience_s=self._transport.patience_s,
        )
        for event in events:
            yield event.data

    def audit(self, *, since: str | None = None, limit: int | None = None) -> Iterator[AuditEntry]:
        """Who has changed what, the newest first. It takes an administrator's token.

        since  a time in RFC 3339: only changes from then on
        limit  how many, at most; None: all that are kept
        """
        return self._pages("/audit", Page[response_models.AuditEntry], limit=limit, since=since)

    def disk(self, *, limit: int | None = None) -> Disk:
        """What takes the disk's space, in bytes, and what of it could be freed.

        limit  how many jobs, the largest first
        """
        asked = without_none(limit=limit)
        return self._transport.json("GET", "/disk", response_models.Disk, params=asked)

    def prune(
        self,
        *,
        keep: Sequence[str] = ("last", "best"),
        status: Sequence[str] | None = None,
        older_s: int | None = None,
        archived: bool | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Delete checkpoints and optimizers' states that ended jobs do not need; what was deleted. Starred
        jobs keep all.

        keep      what each job keeps, of `last`, `best` and `optimizer`, to go on from
        status    only jobs that ended so
        older_s   only jobs that ended so many seconds ago
        archived  only jobs that are archived, or that are not
        dry_run   whether nothing is deleted, and the answer says what would be
        """
        request = without_none(
            keep=[*keep],
            status=None if status is None else [*status],
            older_s=older_s,
            archived=archived,
            dry_run=dry_run or None,
        )
        return self._transport.json(
            "POST", "/disk/prune", response_models.Pruned, json=request, timeout=UPLOAD_TIMEOUT
        )
