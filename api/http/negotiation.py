"""Content negotiation: what `Accept` asks for."""

from flask import request


def preferred_media_type(offered: list[str]) -> str:
    """The media type of those offered that the client likes best; the first without a preference."""
    return request.accept_mimetypes.best_match(offered, default=offered[0])


def asks_for_event_stream() -> bool:
    """Whether the client likes `text/event-stream` better than all else."""
    return request.accept_mimetypes.best == "text/event-stream"
