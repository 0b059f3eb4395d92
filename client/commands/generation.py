"""The command that lets a model write: generate."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from client.commands.numbers import number, whole_number
from client.commands.options import AsJson, Url, connect
from client.display.messages import print_message, print_result
from client.errors import UsageError
from client.plain_text import clean

if TYPE_CHECKING:
    from client.http.types import JSON


def generate(
    job_and_prompt: Annotated[
        list[str],
        typer.Argument(metavar="[ID] PROMPT", help="The prompt; before it a job's id, else the newest job."),
    ],
    checkpoint: Annotated[str | None, typer.Option(help="last, best or a step.")] = None,
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
    *job_id, prompt = job_and_prompt
    request = without_none(
        job_id=job_id[0] if job_id else None,
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
