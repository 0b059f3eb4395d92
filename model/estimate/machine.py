"""What is known of a machine that trains: where it computes, and how fast. Needs no torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

DeviceKind = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Rates:
    """How fast a machine trains in one numerics: what a batch's forward and backward pass are made of, and
    the update. `model.estimate.work` adds them up."""

    flops_per_s: float
    """Of matrix products, and of what is computed for each of their operations besides."""
    attention_flops_per_s: float
    """Of the products of queries, keys and values, with their masks, softmax and dropout."""
    batch_s: float
    """Seconds that a batch takes besides, however small it and the model are."""
    layer_s: float
    """Seconds that a layer's operations take, however small they are."""
    number_s: float
    """Seconds for each number of each layer's input (B, T, C): norms, activations, dropout."""
    logit_s: float
    """Seconds for each logit (B, T, V): the loss and its gradient."""
    bytes_per_s: float
    """Of memory that is read or written, as an update does."""
    evaluated_share: float
    """Of the time that a batch takes, an update not counted: what it takes to evaluate one, which keeps
    nothing and drops nothing out."""


@dataclass(frozen=True)
class Calibration:
    """What a training worker has measured of its machine."""

    device: DeviceKind
    auto: str
    """What the numerics `auto` come to."""
    has_bfloat16_kernels: bool
    """Whether matrices are multiplied in bfloat16 without being converted to float32 first."""
    threads: int
    rates: dict[str, Rates]
    """By numerics; none until they have been measured while nothing else kept the machine busy."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Calibration":
        """What `to_json` wrote. raises  KeyError, TypeError for what another version wrote"""
        rates = {numerics: Rates(**each) for numerics, each in stored["rates"].items()}
        return cls(**{**stored, "rates": rates})


@dataclass(frozen=True)
class Machine:
    """What a live worker has said of its machine; None where it has not yet."""

    device: DeviceKind | None = None
    calibration: Calibration | None = None
