"""The gradient of a linear layer's weight, whole or a few rows at a time."""

from collections.abc import Callable

from torch import Tensor

GradientRows = Callable[[slice], Tensor]
"""The gradient of those rows of a weight (O, I)."""
GradientConsumer = Callable[[GradientRows], bool]
"""Does with a gradient what is to be done with it, unless it returns False."""


def weight_gradient(rows: GradientRows, take: GradientConsumer | None) -> Tensor | None:
    """(O, I) for autograd to add to the weight's; None if `take` has taken it."""
    return None if take is not None and take(rows) else rows(slice(None))
