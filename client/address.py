"""Where the service is: `--url`, else PRETRAIN_URL, else what `pretrain up` wrote, else the default port."""

import os
from dataclasses import dataclass
from pathlib import Path

from client.environment import read_settings

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Address:
    """A base URL without a trailing slash, and where it comes from, in words."""

    url: str
    source: str


def url_file(data_dir: Path) -> Path:
    """The file in which `pretrain up` leaves the URL of the service that it runs."""
    return data_dir / "url"


def find_service(url: str | None = None) -> Address:
    """Address of the service; `url` is what the command line said, if anything."""
    if url:
        return Address(url.rstrip("/"), "--url")
    if from_environment := os.environ.get("PRETRAIN_URL"):
        return Address(from_environment.rstrip("/"), "PRETRAIN_URL")
    file = url_file(read_settings().data_dir)
    try:
        return Address(file.read_text().strip(), str(file))
    except FileNotFoundError:
        return Address(DEFAULT_URL, f"the default: there is no {file}")
