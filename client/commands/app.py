"""The `pretrain` command line: all commands, in the order of `pretrain --help`."""

import typer

from client.commands.audit import audit
from client.commands.capacity import limits, workers
from client.commands.comparison import compare
from client.commands.datasets import add_dataset, list_datasets, remove_dataset, show_dataset
from client.commands.disk import disk, prune
from client.commands.exports import eject, export
from client.commands.generation import generate, score
from client.commands.history import checkpoints, log, losses, samples
from client.commands.jobs import (
    cancel,
    checkpoint,
    delete,
    edit,
    finish,
    list_jobs,
    pause,
    resume,
    show,
    watch,
)
from client.commands.models import add_model, list_models, remove_model, show_model
from client.commands.optional_value import PlotCommand
from client.commands.options import AsJson, Url
from client.commands.service import demo, up
from client.commands.sharing import share, unshare
from client.commands.submission import estimate, fork, submit
from client.commands.tokenizers import (
    download_tokenizer,
    list_tokenizers,
    remove_tokenizer,
    show_tokenizer,
    train_tokenizer,
)
from client.commands.tokens import create_token, list_tokens, revoke_token
from client.commands.webhooks import add_webhook, deliveries, list_webhooks, remove_webhook

app = typer.Typer(
    name="pretrain",
    help="Pre-train GPT models from scratch and see them learn.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(as_json: AsJson = False, url: Url = None) -> None:
    """Pre-train GPT models from scratch and see them learn."""


app.command()(up)
app.command()(demo)
app.command()(submit)
app.command()(estimate)
app.command()(fork)
app.command(name="jobs")(list_jobs)
app.command()(show)
app.command()(watch)
app.command()(edit)
app.command()(compare)
app.command(cls=PlotCommand)(losses)
app.command()(log)
app.command()(samples)
app.command()(checkpoints)
app.command()(generate)
app.command()(score)
app.command()(cancel)
app.command()(pause)
app.command()(finish)
app.command()(checkpoint)
app.command()(resume)
app.command()(delete)
app.command()(export)
app.command()(eject)
app.command()(workers)
app.command()(limits)
app.command()(disk)
app.command()(prune)
app.command()(share)
app.command()(unshare)
app.command()(audit)

datasets = typer.Typer(help="Texts to train on.", no_args_is_help=True)
datasets.command(name="add")(add_dataset)
datasets.command(name="list")(list_datasets)
datasets.command(name="show")(show_dataset)
datasets.command(name="rm")(remove_dataset)
app.add_typer(datasets, name="datasets")

tokenizers = typer.Typer(help="Tokenizers of your own.", no_args_is_help=True)
tokenizers.command(name="train")(train_tokenizer)
tokenizers.command(name="list")(list_tokenizers)
tokenizers.command(name="show")(show_tokenizer)
tokenizers.command(name="rm")(remove_tokenizer)
tokenizers.command(name="download")(download_tokenizer)
app.add_typer(tokenizers, name="tokenizers")

models = typer.Typer(help="Weights from outside.", no_args_is_help=True)
models.command(name="add")(add_model)
models.command(name="list")(list_models)
models.command(name="show")(show_model)
models.command(name="rm")(remove_model)
app.add_typer(models, name="models")

webhooks = typer.Typer(help="URLs that are told of what happens.", no_args_is_help=True)
webhooks.command(name="add")(add_webhook)
webhooks.command(name="list")(list_webhooks)
webhooks.command(name="rm")(remove_webhook)
webhooks.command(name="deliveries")(deliveries)
app.add_typer(webhooks, name="webhooks")


tokens = typer.Typer(help="Access tokens: who may use the service, and for what.", no_args_is_help=True)
tokens.command(name="create")(create_token)
tokens.command(name="list")(list_tokens)
tokens.command(name="revoke")(revoke_token)
app.add_typer(tokens, name="token")
