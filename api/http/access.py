"""Whom the service answers: a request for one of its own names that no page elsewhere has made.

Without the first rule a page elsewhere could let its own name lead to this machine and then read everything
(DNS rebinding); without the second it could cancel jobs by a form and start generations by an image.
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

from api.http.problems import Refusal
from jobs.settings import Network, Settings
from jobs.spec.quoting import quoted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{0,5}))?")
DEFAULT_PORTS = {"http": 80, "https": 443}
OWN_FETCHES = {None, "same-origin", "none"}
"""`Sec-Fetch-Site` of what this service's own pages ask for, and of an address that a person has typed."""
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_", "HTTP_X_REAL_IP", "HTTP_SCRIPT_NAME")

Origin = tuple[str, str, int]
"""Scheme, host and port."""


def register_access(app: Flask, settings: Settings, plain_pages: Collection[str]) -> None:
    """Refuse what is not meant for this service, before anything of it but its headers has been read.

    plain_pages  endpoints that a page elsewhere may lead to: they show nothing and change nothing
    """
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    names = {"localhost", settings.host.lower(), *settings.allowed_hosts}
    app.before_request(partial(check_host, names))
    app.before_request(partial(check_origin, frozenset(plain_pages)))


class TrustedProxies:
    """Lets a proxy say which address, scheme, host and path prefix were asked for, if it is a trusted one.

    From any other peer such headers are dropped, and what a server has made of them on its own is undone: a
    stranger could otherwise choose the address that redirects lead to.
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
        for name in [name for name in environ if name.startswith(FORWARDED)]:
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


def check_host(names: Collection[str]) -> None:
    """raises Refusal (421) unless the request names an IP address or one of `names`, whatever the port"""
    given = request.environ.get("HTTP_HOST", "")
    parts = HOST.fullmatch(given)
    if parts is None or not (is_address(parts["name"]) or host_name(parts["name"]) in names):
        raise Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "Host must be an IP address, localhost, PRETRAIN_HOST or one of PRETRAIN_ALLOWED_HOSTS, not "
            f"{quoted(given)}",
        )


def host_name(written: str) -> str:
    return written.lower().removesuffix(".")


def is_address(name: str) -> bool:
    try:
        if name.startswith("["):
            ipaddress.IPv6Address(name[1:-1])
        else:
            ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_origin(plain_pages: Collection[str]) -> None:
    """raises Refusal (403) if a page of another origin made the request, except for a plain page"""
    if request.method in {"GET", "HEAD"} and request.endpoint in plain_pages:
        return
    given = request.headers.get("Origin")
    if given is not None and (origin(given) is None or origin(given) != origin(request.host_url)):
        raise Refusal(HTTPStatus.FORBIDDEN, f"a page of {quoted(given)} may not use this service")
    site = request.headers.get("Sec-Fetch-Site")
    if site not in OWN_FETCHES:
        detail = f"a page of another origin may not use this service (Sec-Fetch-Site is {quoted(site or '')})"
        raise Refusal(HTTPStatus.FORBIDDEN, detail)


def origin(url: str) -> Origin | None:
    """What `url` says of its origin; None if that is nothing."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port
