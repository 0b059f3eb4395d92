"""Results that are forgotten in the forward pass and computed again in the backward pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


@contextmanager
def recomputed(result: Tensor, compute: Callable[[], Tensor]) -> Iterator[None]:
    """What is computed with `result` in this context keeps `compute`, which gives the same numbers, for its
    gradient in the place of `result`.

    It pays for what is large, cheap and follows from what is kept anyway: GELU's result is an eighth of what
    the lecture's job keeps (benchmarks/LOG.md). Not on a GPU, nor for the compiler, which decides for itself.
    """

    place = result.data_ptr()  # what saves a tensor keeps `pack`, so that may not hold `result`

    def pack(saved: Tensor) -> Any:
        return (saved.shape, compute) if saved.data_ptr() == place else saved

    def unpack(packed: Any) -> Tensor:
        if isinstance(packed, Tensor):
            return packed
        shape, compute = packed
        return compute().view(shape)

    with saved_tensors_hooks(pack, unpack):
        yield
