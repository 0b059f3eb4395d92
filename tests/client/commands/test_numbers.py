"""Options that are numbers."""

import inspect
import typing
from pathlib import Path

import pytest

from client.commands.app import app
from tests.client.conftest import Command
from tests.client.service import FakeService

ARGUMENTS = {"generate": ["Every"], "delete": ["job-1"], "edit": ["job-1"], "log": ["job-1"]}
"""Of commands that need some."""


def options_that_take_no_text() -> list[tuple[str, str]]:
    """Command and option, of every option whose value is not taken as it is."""
    options = []
    for command in app.registered_commands:
        assert command.callback is not None
        for name, parameter in inspect.signature(command.callback, eval_str=True).parameters.items():
            kind = typing.get_args(parameter.annotation)[0]
            is_choice = typing.get_origin(kind) is typing.Literal
            if not is_choice and kind not in (
                bool,
                bool | None,
                str,
                str | None,
                list[str],
                list[str] | None,
                Path,
                Path | None,
            ):
                command_name = command.name or command.callback.__name__
                options.append((command_name, "--" + name.replace("_", "-")))
    return options


def test_the_options_that_take_no_text_are_these() -> None:
    """So that the next test has them all: typer would check a new one in the words of pydantic."""
    assert options_that_take_no_text() == [
        ("up", "--port"),
        ("demo", "--port"),
        ("jobs", "--limit"),
        ("edit", "--priority"),
        ("log", "--tail"),
        ("log", "--attempt"),
        ("generate", "--max-new-tokens"),
        ("generate", "--temperature"),
        ("generate", "--top-k"),
        ("generate", "--top-p"),
        ("generate", "--seed"),
        ("delete", "--checkpoint"),
        ("disk", "--limit"),
        ("audit", "--limit"),
        ("audit", "--since"),
    ]


@pytest.mark.parametrize(("command", "option"), options_that_take_no_text())
@pytest.mark.parametrize(
    "value", ["x", "", "nan", "inf", "1_000", "٣", "0x10", "9" * 5000, "1e999", "99999999", "-1"]
)
def test_a_value_that_is_no_number_is_refused_in_plain_words(
    value: str, command: str, option: str, service: FakeService, pretrain: Command
) -> None:
    arguments = [command, *ARGUMENTS.get(command, []), f"{option}={value}"]
    outcome = pretrain(*arguments, *([] if command in ("up", "demo") else ["--url", service.url]))
    if outcome.status == 1:  # the service's to refuse
        assert value in ("-1", "99999999")
    else:
        assert outcome.status == 2
        assert "Invalid value for" in outcome.err
        assert ": it must be " in " ".join(outcome.err.split())
