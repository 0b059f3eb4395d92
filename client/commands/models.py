"""Commands for models from outside: models add, list, show, rm."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.commands.options import AsJson, Url, connect
from client.display import record_tables
from client.display.messages import print_done, print_result
from client.errors import ClientError
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain
    from client.records import ImportedModel

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
    from client.display.upload_bar import upload_bar
    from client.files.hub import fetch_from_hub, is_hub_name

    with connect(url) as client:
        if len(files) == 1 and is_hub_name(files[0]):
            name, files = name or str(files[0]), [fetch_from_hub(str(files[0]))]
        with upload_bar(sys.stderr) as bar:
            model = client.models.add(*files, name=name, on_begin=bar.begin, on_read=bar.advance)
        if wait:
            model = imported(client, model)
    print_result(model, as_json, lambda model: print(one_line(model["id"])))


def imported(client: "Pretrain", model: "ImportedModel") -> "ImportedModel":
    """The model once it is ready. raises  ClientError if it can't be imported"""
    if model["status"] == "preparing":
        model = client.models.wait(model["id"])
    if model["status"] != "ready":
        raise ClientError(f"{one_line(model['id'])} could not be imported: {one_line(model.get('error'))}")
    return model


def list_models(as_json: AsJson = False, url: Url = None) -> None:
    """List the models from outside."""
    with connect(url) as client:
        print_result(list(client.models.list()), as_json, record_tables.print_models)


def show_model(model_id: ModelId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a model from outside: its architecture, and what keeps it from being ready."""
    with connect(url) as client:
        print_result(client.models.get(model_id), as_json, record_tables.print_model)


def remove_model(model_id: ModelId, as_json: AsJson = False, url: Url = None) -> None:
    """Delete a model that no job needs."""
    with connect(url) as client:
        client.models.delete(model_id)
    print_done(f"Deleted {one_line(model_id)}.", as_json, id=model_id, deleted=True)
