"""A weight's gradient, as a whole for autograd or a few rows at a time for a consumer (see
`model.accelerate.optimizer_in_backward`)."""

from collections.abc import Callable

from torch import Tensor

GradientRows = Callable[[slice], Tensor]
"""Computes a range of rows of the gradient of a weight (O, I)."""
GradientConsumer = Callable[[GradientRows], bool]
"""Uses a weight's gradient up, or returns False and leaves it to autograd."""


def weight_gradient(rows: GradientRows, consume: GradientConsumer | None) -> Tensor | None:
    """(O, I) for autograd to accumulate; None if `consume` has used it up."""
    return None if consume is not None and consume(rows) else rows(slice(None))
