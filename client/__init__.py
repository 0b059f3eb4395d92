"""The client of the service: `from client import Pretrain`, and the command `pretrain`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain

__all__ = ["Pretrain"]


def __getattr__(name: str) -> Any:
    """Loads it where it is used: commands that ask nothing start without HTTP."""
    if name != "Pretrain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from client.api.pretrain import Pretrain

    return Pretrain
