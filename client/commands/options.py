"""Arguments and options that several commands have, and the connection that `--url` asks for.

Commands import HTTP, settings and the local stack when they need them: `--help` comes at once.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from client.commands.completion import complete_field
from client.commands.numbers import port_number

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain


def or_global(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    """The option's value, or the one given before the command: `pretrain --json jobs`."""
    return context.find_root().params.get(str(parameter.name)) if value in (None, False) else value


AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print machine-readable output.", callback=or_global, show_default=False),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="The service, if not the one of `pretrain up`.", callback=or_global
    ),
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Set a field of the spec; may be given several times.",
        autocompletion=complete_field,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        parser=port_number,
        metavar="PORT",
        help="Port of the API; without it 8000, or a free one.",
        show_default=False,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(help="Address that the API listens on; without it 127.0.0.1.", show_default=False),
]


def connect(url: str | None) -> "Pretrain":
    from client.address import find_service
    from client.api.pretrain import Pretrain

    return Pretrain(find_service(url))
