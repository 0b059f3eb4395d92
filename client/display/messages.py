"""What commands print: results on stdout, for machines or people, and messages on stderr."""

import sys
from collections.abc import Callable
from typing import Any

from client.errors import ClientError
from client.plain_text import clean
from jobs.validation.strict_json import to_json


def print_result(value: Any, as_json: bool, print_readable: Callable[[Any], None]) -> None:
    """Print a result as JSON, or for people, as `print_readable` does."""
    if as_json:
        print_json(value)
    else:
        print_readable(value)


def print_json(value: Any) -> None:
    """Print `value` for machines; a number that is not finite is null. All but ASCII is escaped, which keeps
    control characters from the terminal."""
    try:
        text = to_json(value, indent=2)
    except RecursionError as error:
        raise ClientError("the service's answer nests too deep to be printed") from error
    print(text)


def print_done(message: str, as_json: bool, **facts: object) -> None:
    """Say that something is done whose answer has no record: as JSON the facts, else in words, on stderr."""
    if as_json:
        print_json(facts)
    else:
        print_message(message)


def print_text(text: str) -> None:
    """Print a text that goes on, without an end of line of our own."""
    sys.stdout.write(clean(text))
    sys.stdout.flush()


def print_message(message: object) -> None:
    """Print a message for the person, on stderr."""
    print(clean(message), file=sys.stderr, flush=True)
