"""Commands that let others see what is one's own: share, unshare."""

from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from client.commands.options import AsJson, Url, connect
from client.display.messages import print_json, print_message
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain
    from client.http.types import JSON


class Shareable(Protocol):
    """A group of methods whose things can be shared."""

    def share(self, shared_id: str, /) -> "JSON": ...
    def unshare(self, shared_id: str, /) -> "JSON": ...


SharedId = Annotated[
    str, typer.Argument(metavar="ID", help="Of a job, a data set, a tokenizer or a model from outside.")
]


def share(shared_id: SharedId, as_json: AsJson = False, url: Url = None) -> None:
    """Let all see a job, data set, tokenizer or model; only its owner and administrators change it."""
    with connect(url) as client:
        record = group_of(client, shared_id).share(shared_id)
    if as_json:
        print_json(record)
    else:
        print_message(f"All may see {one_line(shared_id)}.")


def unshare(shared_id: SharedId, as_json: AsJson = False, url: Url = None) -> None:
    """Let nobody but its owner and administrators see a job, data set, tokenizer or model any longer."""
    with connect(url) as client:
        record = group_of(client, shared_id).unshare(shared_id)
    if as_json:
        print_json(record)
    else:
        print_message(f"Only its owner sees {one_line(shared_id)}.")


def group_of(client: "Pretrain", shared_id: str) -> Shareable:
    # An id begins with its kind; those of jobs of earlier versions need not.
    groups: dict[str, Shareable] = {
        "dataset-": client.datasets,
        "tokenizer-": client.tokenizers,
        "model-": client.models,
    }
    return next((group for kind, group in groups.items() if shared_id.startswith(kind)), client.jobs)
