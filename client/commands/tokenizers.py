"""Commands for tokenizers of one's own: tokenizers train, list, show, rm, download."""

from pathlib import Path
from typing import Annotated

import typer

from client.commands.numbers import whole_number
from client.commands.options import AsJson, Url, connect
from client.display import tokenizer_tables
from client.display.messages import print_done, print_message, print_result
from client.errors import ClientError, UsageError
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
    with connect(url) as client:
        tokenizer = client.tokenizers.train(name, dataset=dataset, vocab_size=vocab_size)
        if wait:
            tokenizer = client.tokenizers.wait(tokenizer["id"])
    print_result(tokenizer, as_json, lambda tokenizer: print(one_line(tokenizer["id"])))
    if wait and tokenizer.get("status") == "failed":
        raise ClientError(f"{one_line(tokenizer['id'])} failed: {one_line(tokenizer.get('error'))}")
    if wait and not as_json:
        print_message(tokenizer_tables.describe_outcome(tokenizer))


def list_tokenizers(as_json: AsJson = False, url: Url = None) -> None:
    """List the tokenizers that were trained here."""
    with connect(url) as client:
        print_result(list(client.tokenizers.list()), as_json, tokenizer_tables.print_tokenizers)


def show_tokenizer(tokenizer_id: TokenizerId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a tokenizer: its size, and how many bytes its tokens have."""
    with connect(url) as client:
        print_result(client.tokenizers.get(tokenizer_id), as_json, tokenizer_tables.print_tokenizer)


def remove_tokenizer(tokenizer_id: TokenizerId, as_json: AsJson = False, url: Url = None) -> None:
    """Delete a tokenizer that no job needs."""
    with connect(url) as client:
        client.tokenizers.delete(tokenizer_id)
    print_done(f"Deleted {one_line(tokenizer_id)}.", as_json, id=tokenizer_id, deleted=True)


def download_tokenizer(
    tokenizer_id: TokenizerId,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file to write; - for standard output.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Write a tokenizer as the tokenizer.json of Hugging Face's libraries, whole or not at all."""
    to = Path("/dev/stdout") if to == Path("-") else to
    if is_stdout(to) and as_json:
        raise UsageError("--to standard output excludes --json")
    with connect(url) as client:
        content = client.tokenizers.download(tokenizer_id)
        write_file(to, content)
    if not is_stdout(to):
        print_done(f"Wrote {one_line(to)}.", as_json, file=str(to), bytes=len(content))
