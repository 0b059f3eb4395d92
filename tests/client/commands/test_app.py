"""The command line as a whole."""

import subprocess
import sys

from tests.client.conftest import Command


def test_an_unknown_option_is_a_usage_error(pretrain: Command) -> None:
    assert pretrain("jobs", "--no-such-option").status == 2


def test_help_waits_for_nothing_heavy() -> None:
    show_help = "from client.commands.app import app; app(['--help'], standalone_mode=False)"
    look = (
        "import sys; print(sorted({'httpx2', 'pydantic', 'redis', 'sqlalchemy', 'torch'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", f"{show_help}; {look}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == "[]"


def test_help_lists_every_command(pretrain: Command) -> None:
    outcome = pretrain("--help")
    assert outcome.status == 0
    for command in (
        "up",
        "demo",
        "submit",
        "jobs",
        "show",
        "watch",
        "losses",
        "samples",
        "generate",
        "cancel",
        "pause",
        "resume",
        "delete",
    ):
        assert command in outcome.out
