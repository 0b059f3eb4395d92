"""Signals that stop the local stack: they raise KeyboardInterrupt, but not amid what must be done whole."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Of this process. Python runs handlers in the main thread, whichever thread a signal reaches."""

    are_held = False
    has_come = False
    """Whether one has come while they were held."""


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt the block as Ctrl-C does, unless they are ignored (nohup)."""
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def interrupt(number: int, frame: FrameType | None) -> None:
    """raises  KeyboardInterrupt, or leaves it to the end of `held_interrupts`"""
    if not Interrupts.are_held:
        raise KeyboardInterrupt
    Interrupts.has_come = True


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Let a stop signal that comes in the block interrupt it at its end."""
    Interrupts.are_held = True
    try:
        yield
    finally:
        Interrupts.are_held = False
        if Interrupts.has_come:
            Interrupts.has_come = False
            raise KeyboardInterrupt
