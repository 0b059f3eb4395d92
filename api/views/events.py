"""What happens to jobs: as a list, and as a stream that goes on."""

from collections.abc import Callable
from http import HTTPStatus

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import JobPath, parse_request
from api.http.guard import accepted_credential
from api.http.negotiation import asks_for_event_stream
from api.http.problems import problem_responses
from api.http.pushed import push_body
from api.http.queries import Page
from api.http.scopes import Scope
from api.http.streams import HEADERS, MEDIA_TYPE
from api.live.event_stream import EventStream, Visible, everything, past_events
from api.live.feed import event_feed
from api.records.events import EventRecord, event_record
from api.records.record import Listing, list_response
from api.services import services
from jobs.states import TERMINAL
from jobs.store.events import last_event_id, last_status_event_id, list_events, list_newest_events
from jobs.store.lookup import BadCursor, get_job
from jobs.store.viewers import Right, Viewer, viewer
from jobs.validation.quoting import quoted
from model.config import Text

events = APIBlueprint(
    "events",
    __name__,
    abp_tags=[Tag(name="events")],
    abp_responses=problem_responses(400, 404, 422, 500, 503),
)

LAST_EVENT_ID = "Last-Event-ID"


class EventsQuery(Page):
    after: Text | None = Field(None, min_length=1, max_length=200)
    """The id of the last event of the page before, or of a stream. There the header `Last-Event-ID`, which a
    client sends that comes back, takes its place."""

    exclude: Text | None = Field(None, min_length=1, max_length=200)
    """Types of events that the list leaves out, separated by commas, such as `evaluation,sample`, of which a
    long job has many. Not for streams. Default: none."""

    newest_first: bool = False
    """Begin the list with the newest event; `after` then leads to those before it. Not for streams."""


@events.get("/jobs/<job_id>/events", responses={200: Listing[EventRecord], 204: None})
@parse_request(Scope.READ)
def show_events(path: JobPath, query: EventsQuery) -> Response:
    """List what happened to a job, the oldest first, or follow it
    With `Accept: text/event-stream` as server-sent events, each of them with an id and the same record as its
    data, from the first one on, or behind `Last-Event-ID`; then as it happens. `progress` comes at most twice
    a second, without an id. The stream ends with the job's final `status`; a client that comes back after it
    gets 204. `limit` is the list's.
    """
    if asks_for_event_stream():
        after = stream_position(query, default=lambda: 0)
        with services().database.read() as session:
            has_ended = get_job(session, path.job_id).status in TERMINAL
            if has_ended and after >= last_status_event_id(session, path.job_id):
                return Response(status=HTTPStatus.NO_CONTENT)
        return follow(path.job_id, after, visible_to(viewer()))
    with services().database.read() as session:
        get_job(session, path.job_id)
    return list_page(path.job_id, query)


@events.get("/events", responses={200: Listing[EventRecord]})
@parse_request(Scope.READ)
def show_all_events(query: EventsQuery) -> Response:
    """List what happened to all jobs, the oldest first, or follow it
    With `Accept: text/event-stream` as server-sent events, from now on, or behind `Last-Event-ID`: what keeps
    a list of jobs current. It begins with an id, so that nothing is missed by a client that comes back before
    the first event. A deleted job's own events go with it, and `deleted` is told for a week.
    """
    if asks_for_event_stream():
        position = stream_position(query, default=newest_event_id)
        return follow(None, position, visible_to(viewer()))
    return list_page(None, query)


def follow(job_id: str | None, after: int, visible: Visible) -> Response:
    """A stream of events, which holds no thread.

    visible  which of them the client may see
    """
    push_body(EventStream(event_feed(), job_id, after, visible, accepted_credential()))
    past = past_events(services().database, job_id, after, visible)
    return Response(past, content_type=f"{MEDIA_TYPE}; charset=utf-8", headers=HEADERS)


def visible_to(asking: Viewer) -> Visible:
    """Which events they may see: those of their own jobs, of shared ones, and of those without an owner."""
    if asking.right is Right.ADMIN:
        return everything
    return lambda event: event.is_shared or event.owner in (None, asking.owner)


def list_page(job_id: str | None, query: EventsQuery) -> Response:
    with services().database.read() as session:
        after = event_number(query.after, "after")
        limit, excluded = query.limit + 1, excluded_types(query)
        if query.newest_first:
            listed = list_newest_events(session, job_id, after or None, limit, excluded)
        else:
            listed = list_events(session, job_id, after, limit, excluded)
    page = listed[: query.limit]
    return list_response([event_record(event) for event in page], has_more=len(listed) > query.limit)


def excluded_types(query: EventsQuery) -> list[str]:
    return [] if query.exclude is None else [name for name in query.exclude.split(",") if name]


def stream_position(query: EventsQuery, default: Callable[[], int]) -> int:
    """The id of the event that a stream begins behind, by the header before the query. raises BadCursor"""
    header = request.headers.get(LAST_EVENT_ID)
    if header is None and query.after is None:
        return default()
    asked = event_number(query.after, "after") if header is None else event_number(header, LAST_EVENT_ID)
    # One beyond the newest, of a database that was replaced by an earlier copy, say: nothing would ever come.
    return min(asked, newest_event_id())


def newest_event_id() -> int:
    with services().database.read() as session:
        return last_event_id(session)


def event_number(cursor: str | None, field: str) -> int:
    """The number of the event that the cursor names; 0, before all events, without one. raises BadCursor"""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadCursor(f"{field}: no event {quoted(cursor)}")
    return int(cursor)
