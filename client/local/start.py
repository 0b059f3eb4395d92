"""Starting the local stack, and leaving nothing behind."""

import contextlib
from collections.abc import Callable, Collection, Iterator

from client.errors import ClientError
from client.local.data_folder import check_artifacts, locked_data_folder
from client.local.interrupts import stop_signals
from client.local.ports import choose_port
from client.local.services import ESSENTIAL_SERVICES
from client.local.stack import Stack
from client.local.tokens import CREATE_COMMAND, has_tokens
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
    if settings.is_public and not has_tokens(settings):
        raise ClientError(
            f"host {settings.publish or settings.host} is reachable from other machines, and there is no "
            f"token yet that they would need: make one with `{CREATE_COMMAND}`, or use 127.0.0.1"
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
