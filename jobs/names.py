"""Ids that the service gives."""

import secrets


def new_id(kind: str) -> str:
    """An opaque id such as `job-5f0c...`: 64 random bits behind the kind."""
    return f"{kind}-{secrets.token_hex(8)}"
