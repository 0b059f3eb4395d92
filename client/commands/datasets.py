"""Commands for texts to train on: datasets add, datasets list."""

from pathlib import Path
from typing import Annotated

import typer

from client.commands.options import AsJson, Url, connect
from client.display import record_tables
from client.display.messages import print_message, print_result
from client.plain_text import one_line


def add_dataset(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A text file in UTF-8, or - for standard input.")
    ],
    name: Annotated[str | None, typer.Option(help="Its name; without it the file's.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Store a text of your own to train on, and print its id."""
    from client.commands.upload import upload_text

    with connect(url) as client:
        dataset, notices = upload_text(client, file, name)
    print_result(dataset, as_json, lambda dataset: print(one_line(dataset["id"])))
    for notice in notices:
        print_message(notice)


def list_datasets(as_json: AsJson = False, url: Url = None) -> None:
    """List the texts that jobs can train on."""
    with connect(url) as client:
        print_result(client.datasets(), as_json, record_tables.print_datasets)
