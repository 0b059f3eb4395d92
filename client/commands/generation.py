"""The commands that ask a model: generate, score."""

import sys
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from client.commands.numbers import number, whole_number
from client.commands.options import AsJson, Url, connect
from client.display.formats import as_loss, or_dash
from client.display.messages import print_message, print_result
from client.display.table import print_table
from client.errors import UsageError
from client.files.input import STDIN, decode_utf8, read_bytes
from client.plain_text import clean
from jobs.store.ids import is_model_id

if TYPE_CHECKING:
    from client.api.generation import GenerationOptions, TextStream
    from client.http.types import JSON
    from client.records import Generation


class Target(TypedDict, total=False):
    job_id: str
    model_id: str


MAX_TEXT_BYTES = 2**20
"""Of a text to score, as the service takes it."""

Checkpoint = Annotated[str | None, typer.Option(help="last, best or a step.")]


def generate(
    job_and_prompt: Annotated[
        list[str],
        typer.Argument(
            metavar="[ID] PROMPT",
            help="The prompt; before it the id of a job or a model from outside, else the newest job.",
        ),
    ],
    checkpoint: Checkpoint = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(parser=whole_number(), metavar="N", help="Tokens to generate.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(parser=number, metavar="X", help="0 always takes the likeliest token.")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(parser=whole_number(), metavar="K", help="Draw among the k likeliest tokens."),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            parser=number, metavar="P", help="Draw among the likeliest with this total probability."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=whole_number(), metavar="N", help="Makes draws repeatable.")
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="End before this text; may be given several times.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Let a model complete a prompt."""
    if len(job_and_prompt) > 2:
        raise UsageError("give a prompt, or a job's id and a prompt; quote a prompt of several words")
    *asked, prompt = job_and_prompt
    options: GenerationOptions = {
        **target_of(asked),
        "checkpoint": checkpoint,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
        "stop": stop,
        "logprobs": None,
    }
    with connect(url) as client:
        if sys.stdout.isatty() and not as_json:
            generation = print_pieces(prompt, client.stream(prompt, **options))
        else:
            generation = client.generate(prompt, **options)
            print_result(generation, as_json, lambda generation: print(clean(generation["text"])))
    if generation.get("prompt_truncated"):
        print_message("The prompt is longer than the model's context: only its end was read.")
    if generation.get("finish_reason") == "timeout":
        print_message("The text is not complete: the service's time for an answer was over.")


def target_of(asked: list[str]) -> Target:
    """The field that names what is asked, by its id; none for the newest job."""
    if not asked:
        return {}
    return {"model_id": asked[0]} if is_model_id(asked[0]) else {"job_id": asked[0]}


def print_pieces(prompt: str, pieces: "TextStream") -> "Generation":
    """Print the text as it comes; the whole record.

    Each piece is cleaned alone: an escape sequence that is divided between two loses its control character.
    """
    first = next(pieces, "")  # what fails at once prints nothing
    print(clean(prompt) + clean(first), end="", flush=True)
    try:
        for piece in pieces:
            print(clean(piece), end="", flush=True)
    finally:
        print(flush=True)
    assert pieces.generation is not None  # or it would have raised
    return pieces.generation


def score(
    job_and_text: Annotated[
        list[str],
        typer.Argument(
            metavar="[ID] TEXT",
            help="The text, - for standard input; before it a job's or model's id, else the newest job.",
        ),
    ],
    checkpoint: Checkpoint = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show how well a model predicts a text, token by token."""
    if len(job_and_text) > 2:
        raise UsageError("give a text, or a job's id and a text; quote a text of several words")
    *asked, text = job_and_text
    if text == str(STDIN):
        text = decode_utf8(STDIN, read_bytes(STDIN, MAX_TEXT_BYTES))
    with connect(url) as client:
        scored = client.score(text, **target_of(asked), checkpoint=checkpoint)
    print_result(scored, as_json, print_score)


def print_score(score: "JSON") -> None:
    print_table(
        ["TOKEN", "NATS#", "RANK#"],
        [
            [clean(repr(token["token"])), as_loss(token.get("nats")), or_dash(token.get("rank"), "{:,}")]
            for token in score["tokens"]
        ],
        drop_order=["RANK"],
        shrinkable="TOKEN",
    )
    for name in ("loss", "perplexity", "bits_per_byte"):
        print(f"{name.replace('_', ' '):<16} {as_loss(score.get(name))}")
