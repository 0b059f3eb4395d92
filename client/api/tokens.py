"""Access tokens: who may use the service, and for what."""

from collections.abc import Iterator, Sequence

from client.api.paths import token_path
from client.api.resource import Resource, without_none
from client.http import response_models
from client.http.response_models import Page
from client.records import NewToken, Token


class Tokens(Resource):
    """`pretrain.tokens`: access tokens. It takes an administrator's, but for the first one."""

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str] = ("read", "write"),
        expires_in_s: int | None = None,
        owner: str | None = None,
    ) -> NewToken:
        """Make an access token; its record, the only one with its text in `token`.

        name          of who or what uses it
        scopes        of `read`, `write` and `admin`, each of which has those before it
        expires_in_s  seconds after which it ends; None: never
        owner         whose the things are that it makes; None: `name`
        """
        request = without_none(name=name, scopes=[*scopes], expires_in_s=expires_in_s, owner=owner)
        return self._transport.json("POST", "/tokens", response_models.NewToken, json=request)

    def revoke(self, token_id: str) -> None:
        """End a token, for good and at once."""
        self._transport.request("DELETE", token_path(token_id))

    def list(self) -> Iterator[Token]:
        """All tokens, also those that have expired or been revoked."""
        return self._pages("/tokens", Page[response_models.Token])
