"""`Pretrain`: the service as a Python object."""

from types import TracebackType
from typing import Self

from client.address import Address, find_service
from client.api.datasets import Datasets
from client.api.generation import Asking
from client.api.jobs import Jobs
from client.api.models import Models
from client.api.service import Service
from client.api.tokenizers import Tokenizers
from client.api.tokens import Tokens
from client.api.webhooks import Webhooks
from client.http.transport import PATIENCE_S, Transport


class Pretrain(Asking, Service):
    """A connection to the service; close it, or use it in a `with` statement.

        from client import Pretrain

        with Pretrain() as pretrain:
            job = pretrain.jobs.submit({"preset": "tiny", "dataset": "sample"})
            for event in pretrain.jobs.events(job["id"]):
                print(event["type"], event["data"])
            print(pretrain.generate("Every effort moves you", job_id=job["id"])["text"])

    Records are dictionaries, decoded JSON as the service has sent it; `client.records` has their types,
    with units. Times are UTC in RFC 3339, losses nats per token. Several threads may use one connection.

    Every method raises errors of `client.errors`, which are all `ClientError`s: `ApiError` if the service
    refuses (with `status`, `title`, `detail`, the wrong fields in `errors`, `retry_after_s`), `Unreachable`
    if nothing responds, `UsageError` for what can't be sent, `ClientError` if what responds is not the
    service.
    Where it says that it has had too many requests, it is asked again when it says.

    url         of the service; None: PRETRAIN_URL, else the one that `pretrain up` runs in this folder, else
                http://127.0.0.1:8000
    token       an access token; None: PRETRAIN_TOKEN, if that is set
    patience_s  seconds for which the service is waited for where waiting may help: while it has had too many
                requests, and while it is away from what follows it (`events`, `wait`)
    raises      UsageError for a URL or a token that can be none
    """

    def __init__(
        self,
        url: str | Address | None = None,
        token: str | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        address = url if isinstance(url, Address) else find_service(url)
        super().__init__(Transport(address, token, patience_s))
        self.url = address.url
        self.patience_s = patience_s
        self.jobs = Jobs(self._transport)
        self.datasets = Datasets(self._transport)
        self.tokenizers = Tokenizers(self._transport)
        self.models = Models(self._transport)
        self.tokens = Tokens(self._transport)
        self.webhooks = Webhooks(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()
