"""What happens to a job: as a list, as a stream, and waiting for its end."""

from collections.abc import Iterator, Sequence

import httpx2

from client.api.following import STREAM_TIMEOUT_S, Stream, follow
from client.api.paths import job_path
from client.api.resource import Resource
from client.api.statuses import TERMINAL_STATUSES, failure_of
from client.errors import JobFailed, TimedOut
from client.http import response_models
from client.http.event_stream import POSITION, StreamEvent
from client.http.response_models import Page, mismatch
from client.http.transport import CONNECT_TIMEOUT_S, Transport
from client.records import Event, Job, ProgressEvent

NEWEST = "9" * 18
"""An id that is behind all events: the service begins with what happens next."""


class JobEvents(Resource):
    def get(self, job_id: str) -> Job:
        """A job's record."""
        return self._transport.json("GET", job_path(job_id), response_models.Job)

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[Event | ProgressEvent]:
        """What happens to a job, in order: from its creation to its end, and as it happens while it goes on.

        When the connection breaks, as in a restart of the service, it goes on behind the last event that has
        come: none is missing, none comes twice. `progress` events come at most twice a second; they have no
        id, and those of an outage are not told later.

        after   the id of the event to begin behind; None: before the first
        raises  ApiError 404 if there is no such job; Unreachable when an outage outlasts `patience_s`
        """
        for event in self._follow(job_id, after):
            yield event.data

    def past_events(
        self, job_id: str, *, exclude: Sequence[str] = (), newest_first: bool = False
    ) -> Iterator[Event]:
        """What has happened to a job so far, in order, without waiting for more.

        exclude       types that are left out, such as `evaluation` and `sample`, of which a long job has many
        newest_first  whether it begins with the newest, so that who wants a few of the last need not read all
        """
        return self._pages(
            job_path(job_id, "events"),
            Page[response_models.Event],
            exclude=",".join(exclude) or None,
            newest_first=newest_first or None,
        )

    def last_words(self, job_id: str) -> list[str]:
        """The last log lines of the trainer that failed most recently; empty if none has."""
        others = ("evaluation", "sample", "checkpoint")
        events = self.past_events(job_id, exclude=others, newest_first=True)
        logs = (event["data"].get("lines") for event in events if event["type"] == "log")
        return [str(line) for line in next(logs, None) or []]

    def wait(self, job_id: str, *, timeout_s: float | None = None, check: bool = True) -> Job:
        """Wait until a job has ended; its record. Outages of the service are waited for.

        A paused job has not ended.
        timeout_s  seconds after which TimedOut is raised; the job goes on
        check      whether a job that ends otherwise than `succeeded` raises JobFailed
        """
        try:
            for _ in self._follow(job_id, NEWEST, timeout_s):
                pass
        except TimedOut as error:
            raise TimedOut(f"job {job_id} has not ended in {timeout_s:g} s; it goes on") from error
        job = self.get(job_id)
        if check and (failure := failure_of(job)):
            raise JobFailed(failure, job)
        return job

    def stream(
        self, job_id: str, last_event_id: str | None = None, timeout_s: float = STREAM_TIMEOUT_S
    ) -> Stream:
        """One connection's worth of `events`, with the ids; None whenever the service shows that it is there.

        timeout_s  of silence, after which it raises Unreachable
        raises     StreamOver if the job has ended and that event was its last
        """
        return streamed(self._transport, job_path(job_id, "events"), last_event_id, timeout_s)

    def _follow(
        self, job_id: str, after: str | None, timeout_s: float | None = None
    ) -> Iterator[StreamEvent]:
        return follow(
            lambda last, silence_s: self.stream(job_id, last, silence_s),
            is_final,
            after=after,
            patience_s=self._transport.patience_s,
            timeout_s=timeout_s,
        )


def streamed(transport: Transport, path: str, last_event_id: str | None, timeout_s: float) -> Stream:
    """The events of one connection, which are what they say. raises  StreamOver"""
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
    for event in transport.stream("GET", path, last_event_id, timeout=timeout):
        if event is not None and event.name != POSITION:
            model = response_models.STREAMED.get(event.name, response_models.StreamedEvent)
            if problem := mismatch(event.data, model):
                raise transport.unexpected_response(f"what is no {model.title}: {problem}")
        yield event


def is_final(event: StreamEvent) -> bool:
    """Whether nothing more comes of its job."""
    if event.name == "deleted":
        return True
    return event.name == "status" and event.data["data"].get("status") in TERMINAL_STATUSES
