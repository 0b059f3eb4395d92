"""A `pretrain` command as a process: its streams, Ctrl-C and its exit status. The commands are in
client.commands.

Exit status: 0, 1 for a failed job or request, 2 for wrong usage, 130 for Ctrl-C, and 141 when the reader of
the output has closed it (`| head`), as for any other command.
"""

import signal
import sys
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT
CLOSED_PIPE = 128 + signal.SIGPIPE


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line, and exit with its status."""
    handles_sigint = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if handles_sigint:
        # While modules are imported, and after the command, Ctrl-C just ends the process, without a
        # traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from client.display.streams import guard_streams

    has_own_streams = guard_streams()
    import client.commands.app  # noqa: F401 - what takes its time

    if handles_sigint:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = status_of(arguments)
    if handles_sigint and has_own_streams:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise SystemExit(status)


def status_of(arguments: list[str] | None) -> int:
    """Run the command line and flush what it printed; the exit status."""
    from client.display.messages import print_message
    from client.display.streams import OutputLost

    try:
        status = command_status(arguments)
        sys.stdout.flush()
    except OutputLost as lost:
        if lost.is_closed_pipe:
            return CLOSED_PIPE
        print_message(f"pretrain: the output can't be written: {lost.reason}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def command_status(arguments: list[str] | None) -> int:
    from client.commands.app import app
    from client.commands.hints import next_step
    from client.display.messages import print_message
    from client.errors import ClientError, UsageError
    from client.plain_text import one_line

    try:
        app(arguments, prog_name="pretrain")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except ClientError as error:
        print_message(f"pretrain: {error}")
        if hint := next_step(error):
            print_message(hint)
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:
        # Commands report errors of the files that they are given; this is for others, such as a working
        # directory that is gone.
        place = f"{one_line(error.filename)}: " if error.filename else ""
        print_message(f"pretrain: {place}{error.strerror or error}")
        return 1
    return 0
