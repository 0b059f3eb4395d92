"""Models without weights, to be loaded from elsewhere: on the device `meta`, which has shapes only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def meta_init() -> Iterator[None]:
    """Modules made in this context have parameters of the right shapes on the device `meta`, without memory.

    Nothing is initialised, not even on `meta`, where that imports PyTorch's compiler (see `model.optimizer`).
    """
    with torch.device("meta"), SkipInit():
        yield


class SkipInit(TorchFunctionMode):
    """Functions of `torch.nn.init` leave their tensor as it is."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == torch.nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
