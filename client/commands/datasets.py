"""Commands for texts to train on: datasets add, list, show, rm."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from client.commands.options import AsJson, Url, connect
from client.display import record_tables
from client.display.messages import print_done, print_message, print_result
from client.plain_text import one_line

DatasetId = Annotated[str, typer.Argument(metavar="ID", help="The data set's id.")]


def add_dataset(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="A text file in UTF-8 (.txt, .txt.gz, or - for standard input), or documents: .jsonl, "
            ".jsonl.gz, .parquet, several files, or folders of them.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Its name; without it the file's or folder's.")] = None,
    text_field: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the documents' texts are called, if not `text`."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Store texts of your own to train on as one data set, and print its id."""
    from client.display.upload_bar import upload_bar

    with connect(url) as client, upload_bar(sys.stderr) as bar:
        dataset = client.datasets.add(
            *files, name=name, text_field=text_field, on_begin=bar.begin, on_read=bar.advance
        )
    print_result(dataset, as_json, lambda dataset: print(one_line(dataset["id"])))
    for notice in dataset.get("notices", []):
        print_message(notice)


def list_datasets(as_json: AsJson = False, url: Url = None) -> None:
    """List the texts that jobs can train on."""
    with connect(url) as client:
        print_result(list(client.datasets.list()), as_json, record_tables.print_datasets)


def show_dataset(dataset_id: DatasetId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a data set: how long it is, its documents, how it begins."""
    with connect(url) as client:
        print_result(client.datasets.get(dataset_id), as_json, record_tables.print_dataset)


def remove_dataset(dataset_id: DatasetId, as_json: AsJson = False, url: Url = None) -> None:
    """Delete a data set that no job needs."""
    with connect(url) as client:
        client.datasets.delete(dataset_id)
    print_done(f"Deleted {one_line(dataset_id)}.", as_json, id=dataset_id, deleted=True)
