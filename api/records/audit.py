"""An entry of the audit as the API shows it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from api.records.record import Record, Time, from_row
from jobs.store.tables import AuditEntry


class AuditRecord(Record):
    """A change: who has made it, and what it was."""

    id: Annotated[str, BeforeValidator(str)]
    object: Literal["audit_entry"] = "audit_entry"
    created_at: Time
    action: str
    """Method and route, such as `POST /jobs/<job_id>/cancel`, or the command that worked in the database."""
    ids: list[str]
    """Of what the request names, has made or has changed; 100 at most."""
    status: int | None
    """With which the request was answered; null for a command."""
    request_id: str | None
    token_id: str | None
    """Null on a service without tokens, and for commands."""
    token_name: str | None
    owner: str | None
    """That of the token."""


def audit_record(entry: AuditEntry) -> AuditRecord:
    return from_row(AuditRecord, entry)
