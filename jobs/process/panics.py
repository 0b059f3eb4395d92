"""Panics of native code, at the borders of a process.

An extension written in Rust (tiktoken, pydantic, safetensors) reports a bug of its own as pyo3's
PanicException. That is no `Exception`, so what catches those lets it pass, and one request ends a process
that serves many.
"""

from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_MESSAGE = 200
"""Characters quoted of what the native code said."""


class NativePanic(Exception):
    """Native code gave up in the middle of a call; the message has its kind and its own words."""


@contextmanager
def native_panics_as_errors() -> Iterator[None]:
    """Raise a panic in the block as a `NativePanic`; every other exception as it is, those that end a process
    (KeyboardInterrupt, SystemExit) or a generator too."""
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as panic:
        message = f"{type(panic).__name__} in native code: {str(panic)[:LONGEST_MESSAGE]}"
        raise NativePanic(message) from panic
