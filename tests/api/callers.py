"""Clients of one service with tokens of their own."""

from flask.testing import FlaskClient

from api.services import EXTENSION
from jobs.store.tokens import create_token
from jobs.store.viewers import Right


def token_text(client: FlaskClient, owner: str = "ana", right: Right = Right.WRITE) -> str:
    """Of a new token."""
    services = client.application.extensions[EXTENSION]
    with services.database.write() as session:
        text = create_token(session, owner, right)[1]
    services.tokens.forget()
    return text


def authorization(client: FlaskClient, owner: str = "ana", right: Right = Right.WRITE) -> dict[str, str]:
    """The header with a new token."""
    return {"Authorization": f"Bearer {token_text(client, owner, right)}"}


def caller(client: FlaskClient, owner: str = "ana", right: Right = Right.WRITE) -> FlaskClient:
    """A client of the same service who sends a new token with every request."""
    return with_token(client, token_text(client, owner, right))


def with_token(client: FlaskClient, text: str) -> FlaskClient:
    own = client.application.test_client()
    own.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {text}"
    return own


UNPACKED = {"Accept-Encoding": "identity"}
"""Headers of a request by schemathesis, which asks an application for gzip and does not unpack it."""
