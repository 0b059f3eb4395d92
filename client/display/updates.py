"""What is new of a running job, as it happens."""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from client.api.job_events import is_final
from client.api.outage import RECONNECT_S, Clock, Outage, Sleep
from client.api.pretrain import Pretrain
from client.display.inbox import Inbox
from client.errors import ApiError, Unreachable
from client.http.event_stream import StreamEvent
from client.http.transport import StreamOver
from client.http.types import JSON


@dataclass(frozen=True)
class Update:
    """A job's record, and the evaluations and samples since the last update.

    outage  why the service could not be asked; then `job` is that of the last update
    """

    job: JSON
    losses: list[JSON]
    samples: list[JSON]
    outage: str | None = None


def follow(
    client: Pretrain, job_id: str, sleep: Sleep = time.sleep, clock: Clock = time.monotonic
) -> Iterator[Update]:
    """What happens to the job, as the service's stream tells it, until it has ended; the updates together
    have all of it.

    When the stream breaks, as in a restart of the service, it goes on behind the last event that has come.
    Outages of up to `client.patience_s` are waited for, but for one at the first request; Retry-After is
    respected.
    raises  ApiError if there is no such job; Unreachable or ApiError when an outage lasts longer
    """
    job: JSON = client.jobs.get(job_id)
    yield Update(job, [], [])
    status = StatusTold()
    outage = Outage(client.patience_s, clock)
    last_event_id: str | None = None
    while True:
        inbox, end = Inbox(client.jobs.stream(job_id, last_event_id)), None
        while end is None:
            arrived, end = inbox.take(sleep)
            if arrived:
                outage.end()
            is_over = end is not None and isinstance(end.error, StreamOver)
            for part in parts_of(arrived):
                events = [event for event in part if event is not None]
                last_event_id = next((event.id for event in reversed(events) if event.id), last_event_id)
                is_over |= any(map(is_final, events))
                if is_over or is_outdated(job, part):
                    record = yield from ask_patiently(client, job, outage, sleep)
                    job = record if is_over else status.put_into(record, data_of(events, "status"), job)
                job = with_figures(job, events)
                yield Update(job, data_of(events, "evaluation"), data_of(events, "sample"))
            if is_over:
                return
        if end.error is not None:
            yield from wait_out(end.error, job, outage, sleep)
        else:
            sleep(RECONNECT_S)


class StatusTold:
    """The status by the events. The record is asked for later than they were made, and may have a newer one.

    Of the job's past, which the events begin with, what came before the first record's status is not told.
    """

    def __init__(self) -> None:
        self._is_past = True

    def put_into(self, record: JSON, changes: list[JSON], before: JSON) -> JSON:
        """The record with the status after these changes, oldest first; as it was `before` where these
        change nothing and the record has a status of which an event is still to come."""
        told = before["status"]
        for change in changes:
            self._is_past = self._is_past and change["status"] != told
            if not self._is_past:
                told = change["status"]
        if record["status"] == told:
            return record
        if told == before["status"]:
            return before
        return {**record, "status": told, "stopping": None, "waiting_for": None}


def parts_of(arrived: list[StreamEvent | None]) -> Iterator[list[StreamEvent | None]]:
    """What has arrived, parted before each change of status: an update tells that first, and then the
    evaluations and samples that came after it. At least one part, be it empty."""
    part: list[StreamEvent | None] = []
    for event in arrived:
        if part and event is not None and event.name == "status":
            yield part
            part = []
        part.append(event)
    yield part


def is_outdated(job: JSON, arrived: list[StreamEvent | None]) -> bool:
    """Whether the job's record has changed otherwise than the events themselves say. What a queued job waits
    for is looked at whenever the service shows that it is there."""
    names = {event.name for event in arrived if event is not None}
    return bool(names & {"status", "changed", "deleted"}) or (None in arrived and job["status"] == "queued")


def data_of(events: list[StreamEvent], name: str) -> list[JSON]:
    return [event.data["data"] for event in events if event.name == name]


def with_figures(job: JSON, events: list[StreamEvent]) -> JSON:
    """The job's record with the progress and the latest evaluation that the events tell."""
    progress, losses = data_of(events, "progress"), data_of(events, "evaluation")
    known_step = (job.get("latest") or {}).get("step")
    if progress and job["status"] == "running":
        job = {**job, "progress": progress[-1]}
    if losses and (known_step is None or losses[-1]["step"] > known_step):
        job = {**job, "latest": losses[-1]}
    return job


def ask_patiently(client: Pretrain, job: JSON, outage: Outage, sleep: Sleep) -> Generator[Update, None, JSON]:
    """The job's record, once the service answers."""
    while True:
        try:
            record = client.jobs.get(job["id"])
        except (Unreachable, ApiError) as error:
            yield from wait_out(error, job, outage, sleep)
        else:
            outage.end()
            return record


def wait_out(error: Exception, job: JSON, outage: Outage, sleep: Sleep) -> Iterator[Update]:
    """Tell of an outage, and wait before the next request. raises  `error`, unless that may help"""
    if not isinstance(error, Unreachable | ApiError):
        raise error
    pause_s = outage.pause_s(error)
    yield Update(job, [], [], outage=str(error).splitlines()[0])
    sleep(pause_s)
