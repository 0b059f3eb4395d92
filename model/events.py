"""What a run reports while it happens, to the `on_event` of `train`. Needs no torch.

Those of one step come in the order CutShort, Evaluation, EarlyStopped, Sample. The last three count it from
0, by the update just made, as the lecture does. Elsewhere `step` counts the updates done. A checkpoint is
written beside the training, so CheckpointWritten comes when it is, some steps later. Epochs count from 1,
losses are in nats a token.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Started:
    """Model and data stand ready; the first update follows."""

    total_steps: int
    parameters: int
    numerics: str
    device: str
    threads: int
    resumed_step: int | None
    """Updates that the checkpoint had done; None for a fresh start."""


@dataclass(frozen=True)
class Phase:
    """A sign of life, and what goes on from here: `evaluating`, `sampling` or `writing`; `training` again
    when a checkpoint keeps it waiting no longer."""

    name: str


@dataclass(frozen=True)
class Progress:
    """A micro-batch has been learnt from."""

    step: int
    epoch: int
    total_steps: int
    tokens_seen: int
    tokens_per_s: float | None
    """Recent speed of training alone; None until the first update of this process."""


@dataclass(frozen=True)
class Evaluation:
    """Both losses after an update, and what the update was like."""

    step: int
    epoch: int
    tokens_seen: int
    train_loss: float
    val_loss: float
    learning_rate: float
    grad_norm: float | None
    """L2 norm of the whole gradient, before clipping; None where it is beyond float32."""
    tokens_per_s: float | None
    val_bpb: float | None = None
    """Bits per byte: the nats of the validation text's targets / ln 2 / their bytes in UTF-8, of both without
    the ends of texts. None where they have no bytes."""


@dataclass(frozen=True)
class CutShort:
    """A person has asked the run to finish, so it ends after these updates; its last evaluation, sample and
    checkpoint follow, where it does not have them yet."""

    step: int
    epoch: int
    tokens_seen: int


@dataclass(frozen=True)
class EarlyStopped:
    """The validation loss has not fallen for as many evaluations as `early_stopping_patience` allows, so the
    run ends before its last step."""

    step: int
    best_val_loss: float


@dataclass(frozen=True)
class Sample:
    """A text that the model wrote; `text` begins with the prompt."""

    step: int
    epoch: int
    prompt: str
    text: str
    index: int = 0
    """Of the prompt among the run's."""
    is_last: bool = True
    """Of those of this step."""


@dataclass(frozen=True)
class CheckpointWritten:
    """A checkpoint lies complete and synced in `directory`."""

    directory: Path
    step: int
    epoch: int
    tokens_seen: int
    train_loss: float | None
    """Of the latest evaluation."""
    val_loss: float
    bytes: int
    """Size of the whole directory."""
    sha256: str
    """Of the weights file."""
    resumable: bool
    """Whether it has all that the next step depends on, rather than the weights alone."""
    is_requested: bool = False
    """Whether a person has asked for it."""


Event = Started | Phase | Progress | CutShort | Evaluation | EarlyStopped | Sample | CheckpointWritten
