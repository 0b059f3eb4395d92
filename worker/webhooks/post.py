"""One POST to a URL that somebody else has chosen: to the address that was judged, within a time, following
no redirect, and reading little of what comes back."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from jobs.settings import Network
from jobs.webhooks.addresses import Address, Resolve, Unreachable, permitted_addresses
from jobs.webhooks.url import WebhookURL, parse_webhook_url

TIMEOUT_S = 10.0
"""For everything after the name is resolved."""
MAX_ANSWER_BYTES = 1024


class PostFailed(Exception):
    """There is no answer; the message says why."""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Sequence[Network],
    *,
    resolve: Resolve | None = None,
    timeout_s: float = TIMEOUT_S,
    tls: ssl.SSLContext | None = None,
) -> int:
    """The status of the answer.

    allowed  networks that may be reached besides public addresses
    tls      trusts whom the system trusts by default
    raises   PostFailed
    """
    try:
        target = parse_webhook_url(url)
        addresses = permitted_addresses(target.host, target.port, allowed, resolve)
    except (ValueError, Unreachable) as error:
        raise PostFailed(str(error)) from error
    try:
        return post_to(target, addresses[0], body, headers, timeout_s, tls)
    except TimeoutError as error:
        raise PostFailed(f"no answer within {timeout_s:g} s") from error
    except ssl.SSLError as error:
        raise PostFailed(f"TLS: {error.reason or error}") from error
    except OSError as error:
        raise PostFailed(error.strerror or str(error) or type(error).__name__) from error
    except http.client.HTTPException as error:
        raise PostFailed(f"what answers does not speak HTTP: {type(error).__name__}") from error


def post_to(
    target: WebhookURL,
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
    tls: ssl.SSLContext | None,
) -> int:
    with connected(target, address, timeout_s, tls) as connection:
        http_connection = http.client.HTTPConnection(target.host, target.port)
        http_connection.sock = connection  # so that it resolves nothing anew
        own = {"Host": target.host_header, "Connection": "close", "Content-Length": str(len(body))}
        http_connection.request("POST", target.target, body, {**headers, **own})
        response = http_connection.getresponse()
        response.read(MAX_ANSWER_BYTES)
        return response.status


@contextmanager
def connected(
    target: WebhookURL, address: Address, timeout_s: float, tls: ssl.SSLContext | None
) -> Iterator[socket.socket]:
    """A connection that is cut off after `timeout_s`, whatever still comes: the timeout of a socket begins
    anew with every byte. raises TimeoutError, OSError"""
    connection = socket.create_connection((str(address), target.port), timeout_s)
    if target.is_encrypted:
        context = tls or ssl.create_default_context()
        # The handshake later: it counts into the time.
        connection = context.wrap_socket(
            connection, server_hostname=target.host, do_handshake_on_connect=False
        )
    is_over = threading.Event()

    def cut_off() -> None:
        is_over.set()
        with suppress(OSError):  # it has just been closed
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, cut_off)
    timer.start()
    try:
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
        yield connection
    except (OSError, http.client.HTTPException) as error:
        if is_over.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        connection.close()
