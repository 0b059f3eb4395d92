"""The URL of a webhook, taken apart."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
PRINTABLE = re.compile(r"[!-~]+")
EXAMPLE = "such as https://example.org/hooks/pretrain"


@dataclass(frozen=True)
class WebhookURL:
    scheme: str
    host: str
    port: int
    target: str
    """Path and query."""

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_webhook_url(url: str) -> WebhookURL:
    """raises  ValueError that says what is wrong"""
    if not PRINTABLE.fullmatch(url):
        raise ValueError(f"must be a URL of ASCII characters without spaces, {EXAMPLE}")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"is no URL, {EXAMPLE}") from error
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"must name a port from 1 to 65535, or none, {EXAMPLE}") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"must begin with https:// or http://, {EXAMPLE}")
    if not parts.hostname:
        raise ValueError(f"must name a host, {EXAMPLE}")
    if port == 0:
        raise ValueError(f"must name a port from 1 to 65535, or none, {EXAMPLE}")
    if "@" in parts.netloc:
        raise ValueError("must hold no user and no password; the receiver knows the service by its signature")
    if "#" in url:
        raise ValueError("must have no fragment, which is never sent")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookURL(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme], target)
