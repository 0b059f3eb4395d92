"""The commands that ask a model: generate, score."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

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
    from client.http.types import JSON


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
    from client.http.client import without_none

    if len(job_and_prompt) > 2:
        raise UsageError("give a prompt, or a job's id and a prompt; quote a prompt of several words")
    *asked, prompt = job_and_prompt
    request = without_none(
        **target_of(asked),
        prompt=prompt,
        checkpoint=checkpoint,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
    )
    with connect(url) as client:
        if sys.stdout.isatty() and not as_json:
            generation = print_pieces(prompt, client.generate_stream(request))
        else:
            generation = client.generate(request)
            print_result(generation, as_json, lambda generation: print(clean(generation["text"])))
    if generation.get("prompt_truncated"):
        print_message("The prompt is longer than the model's context: only its end was read.")
    if generation.get("finish_reason") == "timeout":
        print_message("The text is not complete: the service's time for an answer was over.")


def target_of(asked: list[str]) -> dict[str, str]:
    """The fields that name what is asked, by its id; none for the newest job."""
    return {"model_id" if is_model_id(given) else "job_id": given for given in asked}


def print_pieces(prompt: str, events: Iterator[tuple[str, "JSON"]]) -> "JSON":
    """Print the text as it comes; the whole record.

    Each piece is cleaned alone: an escape sequence that is divided between two loses its control character.
    """
    printed = False
    try:
        for name, data in events:
            if not printed:
                print(clean(prompt), end="")
                printed = True
            if name == "generation":
                return data
            print(clean(data["text"]), end="", flush=True)
    finally:
        if printed:
            print(flush=True)
    raise AssertionError("a stream ends with its record or an error")


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
    from client.http.client import without_none

    if len(job_and_text) > 2:
        raise UsageError("give a text, or a job's id and a text; quote a text of several words")
    *asked, text = job_and_text
    if text == str(STDIN):
        text = decode_utf8(STDIN, read_bytes(STDIN, MAX_TEXT_BYTES))
    request = without_none(**target_of(asked), text=text, checkpoint=checkpoint)
    with connect(url) as client:
        print_result(client.score(request), as_json, print_score)


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
