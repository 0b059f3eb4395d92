"""The built-in data sets: shipped with the service, or downloaded once and checked."""

import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import httpx2

from jobs.files.layout import sha256_of

log = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT_S = 5


@dataclass(frozen=True)
class Builtin:
    """A data set that every service offers. Without a URL, it is shipped with the service."""

    file: str
    url: str | None = None
    sha256: str | None = None


BUILTINS = {
    "the-verdict": Builtin(
        file="the-verdict.txt",
        url="https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/main/ch02/01_main-chapter-code/the-verdict.txt",
        sha256="b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f",
    ),
    "sample": Builtin(file="sample.txt"),
}


class DatasetUnavailable(Exception):
    """A data set that does not exist or can't be obtained now; the message says what to do."""


def builtin_content(name: str, builtin: Builtin, mirror: str | None) -> bytes:
    """raises  DatasetUnavailable"""
    if builtin.url is None:
        return resources.files("jobs.files").joinpath("texts", builtin.file).read_bytes()
    sources = {builtin.url: builtin.url}
    if mirror is not None:  # whose path, or password, is not for those who read the message
        sources = {"PRETRAIN_DATASET_MIRROR": f"{mirror.rstrip('/')}/{builtin.file}", **sources}
    failures = []
    for label, source in sources.items():
        try:
            content = read_source(source)
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            log.warning("%s could not be fetched from %s: %s", name, label, error)
            failures.append(f"{label} ({describe_error(error)})")
            continue
        if sha256_of(content) == builtin.sha256:
            return content
        failures.append(f"{label} (not the text with sha256 {builtin.sha256})")
    raise DatasetUnavailable(
        f"{name} could not be fetched: {'; '.join(failures)}. Use the built-in `sample`, "
        "or set PRETRAIN_DATASET_MIRROR to a folder or URL that has the file"
    )


def describe_error(error: Exception) -> str:
    """Without the path or the address."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, httpx2.HTTPStatusError):
        return f"status {error.response.status_code}"
    return type(error).__name__


def read_source(source: str) -> bytes:
    """The content of a URL or a path."""
    if not source.startswith(("http://", "https://")):
        return Path(source.removeprefix("file://")).expanduser().read_bytes()
    response = httpx2.get(source, timeout=DOWNLOAD_TIMEOUT_S, follow_redirects=True)
    response.raise_for_status()
    return response.content
