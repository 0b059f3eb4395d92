"""Which requests are meant for this service: by their Host, their Origin, and the proxies that forward them.

Without the check of Host, a page elsewhere could have its own name resolve to this machine and then read
everything (DNS rebinding); without that of Origin, it could cancel jobs by a form and start generations by an
image (CSRF).
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from api.http.problems import HTTPProblem
from api.services import services
from jobs.settings import Network
from jobs.validation.quoting import quoted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{0,5}))?")
DEFAULT_PORTS = {"http": 80, "https": 443}
ALLOWED_FETCH_SITES = {None, "same-origin", "none"}
"""`Sec-Fetch-Site` of requests by this service's own pages, and of an address that a person has typed."""
FORWARDED_HEADERS = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_", "HTTP_X_REAL_IP", "HTTP_SCRIPT_NAME")

Origin = tuple[str, str, int]
"""Scheme, host and port."""


def register_access(app: Flask, public_pages: Collection[str]) -> None:
    """Refuse requests that are not meant for this service, before anything but their headers is read.

    public_pages  endpoints that a page elsewhere may link to: they show nothing private and change nothing
    """
    app.before_request(check_host)
    app.before_request(partial(check_origin, frozenset(public_pages)))


class TrustedProxies:
    """WSGI middleware: takes the client's address, scheme, host and path prefix from a trusted proxy's
    headers.

    From any other peer such headers are dropped, and what a server has made of them by itself is undone:
    anybody could otherwise choose the address that redirects lead to.
    """

    def __init__(self, app: "WSGIApplication", trusted: Iterable[Network]) -> None:
        self._app = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)
        self._trusted = list(trusted)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        environ["SCRIPT_NAME"] = ""
        environ["wsgi.url_scheme"] = "http"  # the service itself speaks nothing else
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            return self._proxied(environ, start_response)
        for name in [name for name in environ if name.startswith(FORWARDED_HEADERS)]:
            del environ[name]
        return self._app(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:  # a socket file has no address
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._trusted)


def check_host() -> None:
    """raises  HTTPProblem (421) unless Host is an IP address or one of the service's names, whatever the
    port"""
    host = request.environ.get("HTTP_HOST", "")
    parts = HOST.fullmatch(host)
    if parts is None or not (is_ip_address(parts["name"]) or normalised(parts["name"]) in allowed_hosts()):
        raise HTTPProblem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "Host must be an IP address, localhost, PRETRAIN_HOST or one of PRETRAIN_ALLOWED_HOSTS, not "
            f"{quoted(host)}",
        )


def allowed_hosts() -> set[str]:
    settings = services().settings
    return {"localhost", settings.host.lower(), *settings.allowed_hosts}


def normalised(host: str) -> str:
    return host.lower().removesuffix(".")


def is_ip_address(host: str) -> bool:
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
        else:
            ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def check_origin(public_pages: Collection[str]) -> None:
    """raises  HTTPProblem (403) if a page of another origin made the request, unless it is for a public
    page"""
    if request.method in {"GET", "HEAD"} and request.endpoint in public_pages:
        return
    origin = request.headers.get("Origin")
    if origin is not None:
        asking = parse_origin(origin)
        if asking is None or asking != parse_origin(request.host_url):
            raise HTTPProblem(HTTPStatus.FORBIDDEN, f"a page of {quoted(origin)} may not use this service")
    site = request.headers.get("Sec-Fetch-Site")
    if site not in ALLOWED_FETCH_SITES:
        detail = f"a page of another origin may not use this service (Sec-Fetch-Site is {quoted(site or '')})"
        raise HTTPProblem(HTTPStatus.FORBIDDEN, detail)


def parse_origin(url: str) -> Origin | None:
    """The origin of `url`; None if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port
