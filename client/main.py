"""A `pretrain` command as a process: its streams, Ctrl-C and its exit status. client.commands has the rest.

Exit status: 0, 1 for a failed job or request, 2 for wrong usage, 130 for Ctrl-C, and 141 when the reader of
the output has left (`| head`), as for any other command.
"""

import signal
import sys
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT
READER_LEFT = 128 + signal.SIGPIPE


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line, and exit with its status."""
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        # While modules are imported, and when all is done, Ctrl-C just ends the process: no traceback then.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from client.display.streams import guard_streams

    own_process = guard_streams()
    import client.commands  # noqa: F401 - what takes its time

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = status_of(arguments)
    if listens and own_process:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise SystemExit(status)


def status_of(arguments: list[str] | None) -> int:
    """Run the command line and write out what it printed; the exit status."""
    from client.display.render import complain
    from client.display.streams import OutputLost

    try:
        status = command_status(arguments)
        sys.stdout.flush()
    except OutputLost as lost:
        if lost.reader_left:
            return READER_LEFT
        complain(f"pretrain: the output can't be written: {lost.reason}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def command_status(arguments: list[str] | None) -> int:
    from client.commands import app
    from client.display.plain_text import one_line
    from client.display.render import complain
    from client.errors import ClientError, UsageError

    try:
        app(arguments, prog_name="pretrain")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except ClientError as error:
        complain(f"pretrain: {error}")
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:
        # A command says itself what it could not do with a file that it was given; this is for the rest, such
        # as a working directory that is gone.
        place = f"{one_line(error.filename)}: " if error.filename else ""
        complain(f"pretrain: {place}{error.strerror or error}")
        return 1
    return 0
