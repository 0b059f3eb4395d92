"""Starting the local stack, and leaving nothing behind."""

import contextlib
from collections.abc import Callable, Collection, Iterator

from client.errors import ClientError
from client.local.data_folder import check_artifacts, locked_data_folder
from client.local.interrupts import stop_signals
from client.local.ports import choose_port
from client.local.services import ESSENTIAL_SERVICES
from client.local.stack import Stack
from client.plain_text import one_line
from jobs.settings import Settings


@contextlib.contextmanager
def local_stack(
    settings: Settings,
    *,
    is_port_fixed: bool,
    report: Callable[[str], None],
    essential: Collection[str] = ESSENTIAL_SERVICES,
) -> Iterator[Stack]:
    """Run a stack during the block, and stop all of it afterwards.

    SIGTERM and SIGHUP raise KeyboardInterrupt in the block, as Ctrl-C does.

    is_port_fixed  whether another port will not do
    report         prints a message
    raises         ClientError if it can't start, or if one of the `essential` processes keeps crashing
    """
    if not (settings.is_loopback or settings.allow_no_token):
        raise ClientError(
            f"host {settings.host} is reachable from other machines, and nobody needs a token yet: use "
            "127.0.0.1, or set PRETRAIN_ALLOW_NO_TOKEN=1 if something else guards the port"
        )
    with locked_data_folder(settings.data_dir), stop_signals():
        check_artifacts(settings)
        port = choose_port(settings.host, settings.port, is_fixed=is_port_fixed)
        if settings.port not in (0, port):
            report(f"Port {settings.port} is in use; taking {port}.")
        report(f"Starting the service in {one_line(settings.data_dir)}.")
        stack = Stack(settings.model_copy(update={"port": port}), report, essential)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
