"""Commands for access tokens: token create, list, revoke."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Union

import typer

from client.commands.numbers import duration_s
from client.commands.options import AsJson, Url, connect
from client.display import token_tables
from client.display.messages import print_done, print_message, print_result
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.api.tokens import Tokens
    from client.local.tokens import LocalTokens

SCOPES = ("read", "write", "admin")


def scopes(text: str) -> list[str]:
    """A parser for scopes with commas between them."""
    # Typer passes the default through here as well.
    given = [scope.strip() for scope in text.split(",")] if isinstance(text, str) else list(text)
    if not given or any(scope not in SCOPES for scope in given):
        raise typer.BadParameter("it must be read, write or admin, or several with commas between them")
    return given


def create_token(
    name: Annotated[str, typer.Option(metavar="NAME", help="Of who or what uses it.")],
    scope: Annotated[
        str,
        typer.Option(parser=scopes, metavar="SCOPES", help="read, write or admin; each has those before it."),
    ] = "read,write",
    expires: Annotated[
        int | None,
        typer.Option(
            parser=duration_s, metavar="TIME", help="After which it ends, such as 30d; without it never."
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="OWNER", help="Whose the things are that it makes; without it NAME."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make an access token and print it, this once. From the first one on every request needs one."""
    with tokens_of(url) as tokens:
        token = tokens.create(name, scopes=scope, expires_in_s=expires, owner=owner)
    print_result(token, as_json, lambda token: print(one_line(token["token"])))
    if not as_json:
        print_message(token_tables.describe_new(token))


def list_tokens(as_json: AsJson = False, url: Url = None) -> None:
    """List the access tokens, also those that have expired or been revoked."""
    with tokens_of(url) as tokens:
        print_result(list(tokens.list()), as_json, token_tables.print_tokens)


def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Revoke an access token, for good and at once."""
    with tokens_of(url) as tokens:
        tokens.revoke(token_id)
    print_done(f"Revoked {one_line(token_id)}.", as_json, id=token_id, revoked=True)


@contextmanager
def tokens_of(url: str | None) -> Iterator[Union["Tokens", "LocalTokens"]]:
    """Those of the service; straight from this machine's database while no token could ask the service for
    them, and nobody says which service it is."""
    if url is None and not os.environ.get("PRETRAIN_URL") and not os.environ.get("PRETRAIN_TOKEN"):
        from client.local.tokens import find_local_tokens

        local = find_local_tokens()
        if local is not None:
            print_message(f"No token of an administrator can be used yet: using {local.place} itself.")
            yield local
            return
    with connect(url) as client:
        yield client.tokens
