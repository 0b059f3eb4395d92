"""Commands for models from outside: models add, list, show, rm."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.commands.options import AsJson, Url, connect
from client.display import record_tables
from client.display.messages import print_message, print_result
from client.errors import ClientError
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.http.client import Client
    from client.http.types import JSON

ModelId = Annotated[str, typer.Argument(metavar="ID", help="The model's id.")]


def add_model(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR|FILES...",
            help="A folder with model.safetensors (or shards), config.json and tokenizer.json, or these "
            "files; or the name of a model on the Hugging Face Hub, such as openai-community/gpt2.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Its name; without it the folder's.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Whether to wait until it is checked and converted.")
    ] = True,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Add weights in GPT-2's published layout, to ask and to start jobs from, and print the model's id."""
    from client.files.hub import fetch_from_hub, is_hub_name
    from client.files.model_folder import find_model_files

    with connect(url) as client:
        given = files
        if len(files) == 1 and is_hub_name(files[0]):
            name, given = name or str(files[0]), [fetch_from_hub(str(files[0]))]
        elif name is None and len(files) == 1 and files[0].is_dir():
            name = files[0].resolve().name
        model = upload_model(client, find_model_files(given), name)
        if wait:
            model = wait_until_imported(client, model)
    print_result(model, as_json, lambda model: print(one_line(model["id"])))


def upload_model(client: "Client", files: list[Path], name: str | None) -> "JSON":
    from client.display.upload_bar import upload_bar
    from client.files.model_folder import file_blocks
    from client.http.form import FileForm

    with upload_bar(sys.stderr, sum(file.stat().st_size for file in files)) as on_read:
        return client.add_model(name, FileForm(files, file_blocks, on_read))


def wait_until_imported(client: "Client", model: "JSON") -> "JSON":
    """raises  ClientError if it can't be imported"""
    from client.display.preparation import wait_until_prepared

    model_id = model["id"]
    model = wait_until_prepared(model, lambda: client.model(model_id))
    if model["status"] != "ready":
        raise ClientError(f"{one_line(model['id'])} could not be imported: {one_line(model.get('error'))}")
    return model


def list_models(as_json: AsJson = False, url: Url = None) -> None:
    """List the models from outside."""
    with connect(url) as client:
        print_result(client.models(), as_json, record_tables.print_models)


def show_model(model_id: ModelId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a model from outside: its architecture, and what keeps it from being ready."""
    with connect(url) as client:
        print_result(client.model(model_id), as_json, record_tables.print_model)


def remove_model(model_id: ModelId, url: Url = None) -> None:
    """Delete a model that no job needs."""
    with connect(url) as client:
        client.delete_model(model_id)
    print_message(f"Deleted {one_line(model_id)}.")
