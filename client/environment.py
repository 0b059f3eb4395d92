"""The settings that the PRETRAIN_ variables give, with errors for people."""

import os
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import urlsplit

from client.display.plain_text import one_line
from client.errors import ClientError, UsageError
from jobs.settings import Settings, WrongSettings, load_settings
from jobs.spec.quoting import cut, quoted


def read_settings() -> Settings:
    """The settings of this process; UsageError says of every wrong variable what would be right."""
    try:
        return load_settings()
    except WrongSettings as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError("the working directory is gone: go to one that exists") from error
    except RuntimeError as error:
        raise UsageError("PRETRAIN_DATA_DIR: begins with ~ where there is no home folder") from error


DEFAULT_URL = "http://127.0.0.1:8000"
# Labels of up to 63 letters, digits, hyphens or underscores; a dot may end the last.
# Up to the last @: a password may hold what no URL has, or what would end its host.
USER_INFO = re.compile(r"\A(\s*\w*:?//)?.*@", re.DOTALL)
HOST_NAME = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?")


@dataclass(frozen=True)
class Address:
    """A base URL without a trailing slash, and where it comes from, in words."""

    url: str
    source: str

    @property
    def shown(self) -> str:
        """The URL as a message may have it: short, and without the password."""
        return cut(without_password(self.url))


def url_file(data_dir: Path) -> Path:
    """The file in which `pretrain up` leaves the URL of the service that it runs."""
    return data_dir / "url"


def find_service(url: str | None = None) -> Address:
    """Address of the service; `url` is what the command line said, if anything.

    raises  UsageError for a URL that is none; ClientError if the file that holds it is damaged
    """
    if url is not None:
        return checked(url, "--url")
    if from_environment := os.environ.get("PRETRAIN_URL"):
        return checked(from_environment, "PRETRAIN_URL")
    file = url_file(read_settings().data_dir)
    try:
        return checked(file.read_text(), str(file))
    except (FileNotFoundError, NotADirectoryError):
        return Address(DEFAULT_URL, f"the default: there is no {one_line(file)}")
    except OSError as error:
        raise ClientError(
            f"cannot read {one_line(file)}: {error.strerror}; give the URL with --url"
        ) from error
    except (UnicodeDecodeError, UsageError) as error:
        raise ClientError(f"{one_line(file)} holds no URL of a service; give it with --url") from error


def without_password(url: str) -> str:
    """`url`, also one that is none, with dots for the name and the password in it."""
    return USER_INFO.sub(r"\1…@", url)


def checked(text: str, source: str) -> Address:
    """The address that `text` is; UsageError says what a URL looks like."""
    url = text.strip()
    if why := what_is_wrong(url):
        raise UsageError(
            f"{source}: {quoted(without_password(text))} {why}; a service's URL is like {DEFAULT_URL}"
        )
    return Address(url.rstrip("/"), source)


def what_is_wrong(url: str) -> str | None:
    """Why `url` can't be that of a service, or None."""
    if not url.lower().startswith(("http://", "https://")):
        return "does not begin with http:// or https://"
    if not url.isprintable() or " " in url:
        return "has a character that no URL has"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "has a host or a port that is none"
    if port == 0:
        return "has port 0"
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
