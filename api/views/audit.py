"""Who has changed what."""

from datetime import datetime

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field, field_validator

from api.http.arguments import parse_request
from api.http.problems import problem_responses
from api.http.queries import Page
from api.http.scopes import Scope
from api.records.audit import AuditRecord, audit_record
from api.records.record import Listing, list_response
from api.services import services
from api.views.events import event_number
from jobs.store.audit import list_entries
from model.config import Text

audit = APIBlueprint(
    "audit", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(400, 422, 500, 503)
)


class AuditQuery(Page):
    after: Text | None = Field(None, min_length=1, max_length=200)
    """The id of the last entry of the page before. Default: from the newest on."""

    since: Text | None = Field(None, max_length=100, json_schema_extra={"format": "date-time"})
    """Only entries from this time on, in RFC 3339, such as 2026-11-29T04:00:00Z. Default: all."""

    @field_validator("since")
    @classmethod
    def check_time(cls, since: str | None) -> str | None:
        if since is not None:
            timestamp_of(since)
        return since


def timestamp_of(text: str) -> float:
    """Seconds since 1970. raises  ValueError"""
    message = "must be a time with its offset from UTC, such as 2026-11-29T04:00:00Z"
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(message) from error
    if parsed.tzinfo is None:
        raise ValueError(message)
    return parsed.timestamp()


@audit.get("/audit", responses={200: Listing[AuditRecord]})
@parse_request(Scope.ADMIN)
def show_audit(query: AuditQuery) -> Response:
    """List who has changed what, the newest first
    An entry for each request that has changed something, written in the transaction that has done it.
    Refused requests change nothing, and have none. Entries are kept for `PRETRAIN_AUDIT_S`.
    """
    before_id = None if query.after is None else event_number(query.after, "after")
    since_s = None if query.since is None else timestamp_of(query.since)
    with services().database.read() as session:
        entries, has_more = list_entries(session, query.limit, before_id, since_s)
    return list_response(list(map(audit_record, entries)), has_more=has_more)
