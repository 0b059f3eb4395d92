"""TCP ports of this machine. A port that is free now may be taken a moment later."""

import errno
import socket

from client.errors import ClientError
from jobs.validation.quoting import quoted


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to `host`; port 0 lets the system choose. raises  OSError"""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: a port in TIME_WAIT is free
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def free_port(host: str) -> int:
    """A free port, chosen by the system."""
    with listen(host, 0) as listener:
        port: int = listener.getsockname()[1]
        return port


def choose_port(host: str, port: int, *, is_fixed: bool) -> int:
    """`port` if it is free, else another that is; ClientError if it is in use and fixed."""
    try:
        with listen(host, port) as listener:
            chosen: int = listener.getsockname()[1]
            return chosen
    except UnicodeError as error:
        raise ClientError(f"cannot listen on {quoted(host)}: it is no address and no host's name") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE and not is_fixed:
            return free_port(host)
        reason = "in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise ClientError(f"cannot listen on {host}, port {port}: {reason}") from error
