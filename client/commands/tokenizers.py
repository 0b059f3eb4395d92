"""Commands for tokenizers of one's own: tokenizers train, list, show, rm, download."""

from pathlib import Path
from typing import Annotated

import typer

from client.commands.numbers import whole_number
from client.commands.options import AsJson, Url, connect
from client.display import tokenizer_tables
from client.display.messages import print_message, print_result
from client.errors import ClientError
from client.files.output import is_stdout, write_file
from client.plain_text import one_line

TokenizerId = Annotated[str, typer.Argument(metavar="ID", help="The tokenizer's id.")]


def train_tokenizer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of your own.")],
    dataset: Annotated[
        str, typer.Option(metavar="ID", help="The text to train it on: a data set's id, or a built-in one.")
    ],
    vocab_size: Annotated[
        int,
        typer.Option(
            parser=whole_number(),
            metavar="N",
            help="Tokens at most, 257 to 100000; the 256 bytes and the end of a text are among them.",
        ),
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is trained.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Train a tokenizer on a text, and print its id; jobs may name it at once."""
    from client.display.preparation import wait_until_prepared

    with connect(url) as client:
        tokenizer = client.train_tokenizer(name, dataset, vocab_size)
        if wait:
            tokenizer_id = tokenizer["id"]
            tokenizer = wait_until_prepared(tokenizer, lambda: client.tokenizer(tokenizer_id))
    print_result(tokenizer, as_json, lambda tokenizer: print(one_line(tokenizer["id"])))
    if wait and tokenizer.get("status") == "failed":
        raise ClientError(f"{one_line(tokenizer['id'])} failed: {one_line(tokenizer.get('error'))}")
    if wait and not as_json:
        print_message(tokenizer_tables.describe_outcome(tokenizer))


def list_tokenizers(as_json: AsJson = False, url: Url = None) -> None:
    """List the tokenizers that were trained here."""
    with connect(url) as client:
        print_result(client.tokenizers(), as_json, tokenizer_tables.print_tokenizers)


def show_tokenizer(tokenizer_id: TokenizerId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a tokenizer: its size, and how many bytes its tokens have."""
    with connect(url) as client:
        print_result(client.tokenizer(tokenizer_id), as_json, tokenizer_tables.print_tokenizer)


def remove_tokenizer(tokenizer_id: TokenizerId, url: Url = None) -> None:
    """Delete a tokenizer that no job needs."""
    with connect(url) as client:
        client.delete_tokenizer(tokenizer_id)
    print_message(f"Deleted {one_line(tokenizer_id)}.")


def download_tokenizer(
    tokenizer_id: TokenizerId,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file to write; - for standard output.")],
    url: Url = None,
) -> None:
    """Write a tokenizer as the tokenizer.json of Hugging Face's libraries, whole or not at all."""
    to = Path("/dev/stdout") if to == Path("-") else to
    with connect(url) as client:
        write_file(to, client.download_tokenizer(tokenizer_id))
    if not is_stdout(to):
        print_message(f"Wrote {one_line(to)}.")
