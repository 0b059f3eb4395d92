"""Who is signed in, as the API shows it."""

from typing import Literal

from api.records.record import Record, Time


class SessionRecord(Record):
    """Who asks, and what they may do."""

    object: Literal["session"] = "session"
    name: str | None
    """The token's name; null on a service without tokens."""
    owner: str | None
    """Whose the things are that they make; null on a service without tokens."""
    scopes: list[str]
    """What they may do: `read`, `write` and `admin`, each of which has those before it."""
    expires_at: Time | None
    """When the session ends, or the token where it was sent itself; null: never."""
