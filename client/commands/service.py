"""Commands that run the whole service on this machine: up, demo."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.commands.options import AsJson, Assignments, Host, Port
from client.display.messages import print_json, print_message
from client.errors import UsageError
from jobs.validation.quoting import quoted

if TYPE_CHECKING:
    from jobs.settings import Settings


def up(port: Port = None, host: Host = None, as_json: AsJson = False) -> None:
    """Run the whole service on this machine, until Ctrl-C."""
    from client.local.start import local_stack

    settings, is_port_fixed = stack_settings(port, host)
    with local_stack(settings, is_port_fixed=is_port_fixed, report=print_message) as stack:

        def announce() -> None:
            if as_json:
                print_json({"url": stack.url, "data_dir": str(stack.data_dir), "log_dir": str(stack.log_dir)})
                sys.stdout.flush()
            else:
                print(stack.describe(), flush=True)

        stack.supervise_until_interrupted(announce)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Stop the service after the answer.")] = False,
    spec: Annotated[Path | None, typer.Option(help="Train this spec, not the lecture's job.")] = None,
    assignments: Assignments = None,
    port: Port = None,
    host: Host = None,
    as_json: AsJson = False,
) -> None:
    """Run the service, train the lecture's job on it, show what came out, and keep the service running."""
    from client.demo import run_demo
    from client.spec.assignments import build_spec

    job_spec = build_spec(spec, assignments or [])
    settings, is_port_fixed = stack_settings(port, host)
    run_demo(settings, job_spec, is_port_fixed=is_port_fixed, leave=leave, as_json=as_json)


def stack_settings(port: int | None, host: str | None) -> tuple["Settings", bool]:
    """The settings, those of the command line first; and whether the port was asked for, there or in the
    environment, so that no other will do."""
    from client.address import is_host
    from client.environment import read_settings

    settings = read_settings()
    is_port_fixed = port is not None or "port" in settings.model_fields_set
    if host is not None and not is_host(host):
        raise UsageError(f"--host: {quoted(host)} is no address and no name of this machine")
    changes = {"port": settings.port if port is None else port, "host": host or settings.host}
    return settings.model_copy(update=changes), is_port_fixed
