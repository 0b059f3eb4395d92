"""Panics of native code, turned into exceptions.

An extension written in Rust (tiktoken, pydantic, safetensors) reports a bug of its own as pyo3's
PanicException. That is no `Exception`, so `except Exception` lets it pass, and one request ends a process
that serves many.
"""

from collections.abc import Iterator
from contextlib import contextmanager

MAX_MESSAGE_CHARACTERS = 200
"""Of the panic's own message, that are quoted."""


class NativePanic(Exception):
    """Native code has panicked; the message has the panic's type and its message."""


@contextmanager
def native_panics_as_errors() -> Iterator[None]:
    """Raise a panic in the block as a `NativePanic`; every other exception as it is, those that end a process
    (KeyboardInterrupt, SystemExit) or a generator too."""
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as panic:
        message = f"{type(panic).__name__} in native code: {str(panic)[:MAX_MESSAGE_CHARACTERS]}"
        raise NativePanic(message) from panic
