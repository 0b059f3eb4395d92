"""TCP ports of this machine. A port that is free now may be taken a moment later: who binds it finds out."""

import errno
import socket

from client.errors import ClientError
from jobs.spec.quoting import quoted


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to `host`; port 0 lets the system choose. OSError as `bind` raises it."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is free
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def free_port(host: str) -> int:
    """A port that nobody uses, chosen by the system."""
    with listen(host, 0) as listener:
        port: int = listener.getsockname()[1]
        return port


def choose_port(host: str, port: int, *, asked_for: bool) -> int:
    """`port` if it is free, else a free one; ClientError for a busy port that was asked for."""
    try:
        with listen(host, port) as listener:
            chosen: int = listener.getsockname()[1]
            return chosen
    except UnicodeError as error:
        raise ClientError(f"cannot listen on {quoted(host)}: it is no address and no host's name") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE and not asked_for:
            return free_port(host)
        reason = "in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise ClientError(f"cannot listen on {host}, port {port}: {reason}") from error
