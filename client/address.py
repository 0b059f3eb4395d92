"""Where the service is: its URL, from the command line, the environment or `pretrain up`."""

import os
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from client.environment import read_settings
from client.errors import ClientError, UsageError
from client.plain_text import one_line
from client.url_file import read_url, url_file
from jobs.validation.quoting import cut, quoted

DEFAULT_URL = "http://127.0.0.1:8000"
# Up to the last @: a password may have characters that no URL has, or that would end its host.
USER_INFO = re.compile(r"\A(\s*\w*:?//)?.*@", re.DOTALL)
# Labels of up to 63 letters, digits, hyphens or underscores; a dot may end the last.
HOST_NAME = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?")


@dataclass(frozen=True)
class Address:
    """A base URL without a trailing slash, and where it comes from, in words."""

    url: str
    source: str

    @property
    def shown(self) -> str:
        """The URL for messages: short, and without the password."""
        return cut(without_password(self.url))


def find_service(url: str | None = None) -> Address:
    """Address of the service: from the command line, else the environment, else `pretrain up`, else the
    default.

    url     of the command line
    raises  UsageError for a malformed URL; ClientError if the file of `pretrain up` is damaged
    """
    if url is not None:
        return parse_address(url, "--url")
    if from_environment := os.environ.get("PRETRAIN_URL"):
        return parse_address(from_environment, "PRETRAIN_URL")
    data_dir = read_settings().data_dir
    file = url_file(data_dir)
    try:
        text = read_url(data_dir)
        if text is None:
            return Address(DEFAULT_URL, f"the default: the service that left {one_line(file)} no longer runs")
        return parse_address(text, str(file))
    except (FileNotFoundError, NotADirectoryError):
        return Address(DEFAULT_URL, f"the default: there is no {one_line(file)}")
    except OSError as error:
        raise ClientError(
            f"cannot read {one_line(file)}: {error.strerror}; give the URL with --url"
        ) from error
    except (UnicodeDecodeError, UsageError) as error:
        raise ClientError(f"{one_line(file)} holds no URL of a service; give it with --url") from error


def without_password(url: str) -> str:
    """`url`, which may be malformed, with dots for user name and password."""
    return USER_INFO.sub(r"\1…@", url)


def parse_address(text: str, source: str) -> Address:
    """UsageError says what is wrong with the URL, and what one looks like."""
    url = text.strip()
    if reason := why_no_url(url):
        raise UsageError(
            f"{source}: {quoted(without_password(text))} {reason}; a service's URL is like {DEFAULT_URL}"
        )
    return Address(url.rstrip("/"), source)


def why_no_url(url: str) -> str | None:
    """What keeps `url` from being that of a service, or None."""
    if not url.lower().startswith(("http://", "https://")):
        return "does not begin with http:// or https://"
    if not url.isprintable() or " " in url:
        return "has a character that no URL has"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "has a host that is none"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return "has a port that is none; ports are from 1 to 65535"
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return "has more than host, port and path"
    if not is_host(parts.hostname or ""):
        return "has no host" if not parts.hostname else "has a host that is none"
    return None


def is_host(host: str) -> bool:
    """Whether `host` is a name or an IP address, also one with a scope."""
    if ":" in host:
        try:
            IPv6Address(host)
        except ValueError:
            return False
        return True
    try:
        ascii_name = host.encode("idna").decode()
    except UnicodeError:
        return False
    return HOST_NAME.fullmatch(ascii_name) is not None and len(ascii_name) <= 253
