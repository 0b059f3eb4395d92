"""A text as (input, target) windows, and batches of them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.run import Run
from model.splits import split_text
from model.steps import batches_per_epoch, window_count
from model.tokens import Tokenizer

Batch = tuple[Tensor, Tensor]
"""Inputs and targets, (B, T) int64 each."""


class TokenWindows:
    """Windows of `context_length` tokens, one at every `stride`; the target is the input one token later.

    `windows[i]` is one (input, target) pair, (T,) int64 each.
    """

    def __init__(self, ids: Tensor, context_length: int, stride: int) -> None:
        """ids (N,) int64: the tokens of one split."""
        self.ids = ids
        self.context_length = context_length
        self.stride = stride

    def __len__(self) -> int:
        return window_count(len(self.ids), self.context_length, self.stride)

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        start = index * self.stride
        tokens = self.ids[start : start + self.context_length + 1]  # (T + 1,)
        return tokens[:-1], tokens[1:]

    def batch(self, indices: Tensor) -> Batch:
        """The windows at `indices` (B,), stacked: (B, T) int64 each."""
        offsets = torch.arange(self.context_length + 1)
        tokens = self.ids[(indices * self.stride)[:, None] + offsets]  # (B, T + 1)
        return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


@dataclass(frozen=True)
class Data:
    """Both splits of a run's text, as windows."""

    train: TokenWindows
    validation: TokenWindows

    @classmethod
    def from_text(cls, text: str, tokenizer: Tokenizer, run: Run) -> "Data":
        """Split `text` by characters, then tokenise both parts. ValueError as `from_ids`."""
        train, validation = split_text(text, run.training.train_ratio)
        return cls.from_ids(tokenizer.encode(train), tokenizer.encode(validation), run)

    @classmethod
    def from_ids(cls, train: Sequence[int], validation: Sequence[int], run: Run) -> "Data":
        """ValueError if the training tokens fill no batch or the validation tokens no window."""
        context, batch_size = run.model.context_length, run.training.batch_size
        stride = run.training.stride or context
        data = cls(
            TokenWindows(torch.tensor(train, dtype=torch.int64), context, stride),
            TokenWindows(torch.tensor(validation, dtype=torch.int64), context, stride),
        )
        if batches_per_epoch(len(data.train), batch_size) == 0:
            raise ValueError(
                f"the training text has {len(train)} tokens, that is {len(data.train)} windows of {context} "
                f"at a stride of {stride}: too few for a batch of {batch_size}"
            )
        if len(data.validation) == 0:
            raise ValueError(
                f"the validation text has {len(validation)} tokens; a context of {context} needs more"
            )
        return data

    def sha256(self) -> str:
        """What tells this data from any other: a hash over the tokens of both splits."""
        found = hashlib.sha256(f"{len(self.train.ids)} {len(self.validation.ids)} ".encode())
        for split in (self.train, self.validation):
            found.update(split.ids.numpy().data)
        return found.hexdigest()


def batches(
    windows: TokenWindows,
    order: Tensor,
    batch_size: int,
    *,
    drop_last: bool,
    device: torch.device,
    first: int = 0,
    limit: int | None = None,
) -> Iterator[Batch]:
    """The windows in `order` (N,), `batch_size` at a time, on `device`.

    `first` skips that many batches, `limit` ends after that many. `drop_last` drops the windows that do not
    fill a batch; otherwise they come as a smaller one.
    """
    groups = order.split(batch_size)
    if drop_last and len(groups[-1]) < batch_size:
        groups = groups[:-1]
    last = None if limit is None else first + limit
    for indices in groups[first:last]:
        yield to_device(windows.batch(indices), device)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Copied without waiting: from pinned memory, the copy runs beside the work already queued on the GPU."""
    if device.type != "cuda":
        return batch
    inputs, targets = (part.pin_memory().to(device, non_blocking=True) for part in batch)
    return inputs, targets
