"""A text as (input, target) windows, and batches of them.

The model learns to predict the next token, at every position of a window at once: the targets are the inputs
one token later. With a context of 4 and a stride of 4, tokens 0 to 8 are the windows 0 1 2 3 -> 1 2 3 4 and
4 5 6 7 -> 5 6 7 8.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from model.config import Run
from model.steps import batches_per_epoch, window_count
from model.storage.splits import split_text
from model.storage.stored_ids import TokenFile
from model.tokenizers import Tokenizer

Batch = tuple[Tensor, Tensor]
"""Inputs and targets, (B, T) int64 each."""

HASHED_TOKENS = 2**20
"""Read at once for `Data.sha256`: 8 MiB of int64."""


class Ids(Protocol):
    """The tokens of one split, in memory (a Tensor) or in a file; slices of them are int64."""

    def __len__(self) -> int: ...
    def __getitem__(self, tokens: slice, /) -> Tensor: ...


class TokenWindows:
    """Windows of `context_length` tokens, one at every `stride`; the target is the input one token later.

    `windows[i]` is one (input, target) pair, (T,) int64 each.
    """

    def __init__(self, ids: Ids, context_length: int, stride: int) -> None:
        self.ids = ids
        self.context_length = context_length
        self.stride = stride

    def __len__(self) -> int:
        return window_count(len(self.ids), self.context_length, self.stride)

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        # One token more than the context: the last target is no input.
        start = index * self.stride
        tokens = self.ids[start : start + self.context_length + 1]  # (T + 1,)
        return tokens[:-1], tokens[1:]

    def batch(self, indices: Tensor) -> Batch:
        """The windows at `indices` (B,), stacked: (B, T) int64 each."""
        starts = [index * self.stride for index in indices.tolist()]
        tokens = torch.stack([self.ids[s : s + self.context_length + 1] for s in starts])  # (B, T + 1)
        # Copies, since kernels read whole rows: the two views of one tensor have gaps between theirs.
        return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


@dataclass(frozen=True)
class Data:
    """Both splits of a run's text, as windows."""

    train: TokenWindows
    validation: TokenWindows
    ends_texts: bool
    """Whether the training text has end-of-text tokens."""

    @classmethod
    def from_text(
        cls, text: str, tokenizer: Tokenizer, run: Run, validation_text: str | None = None
    ) -> "Data":
        """Split `text` by characters, then tokenise both parts, as the lecture does; or take another text for
        the second one. ValueError as `from_ids`."""
        train, validation = split_text(text, run.training.train_share)
        if validation_text is not None:
            validation = validation_text
        return cls.from_ids(tokenizer.encode(train), tokenizer.encode(validation), run)

    @classmethod
    def from_ids(cls, train: Sequence[int], validation: Sequence[int], run: Run) -> "Data":
        """ValueError if the training tokens fill no batch or the validation tokens no window."""
        ids = (torch.tensor(split, dtype=torch.int64) for split in (train, validation))
        end_of_text = run.vocab_size - 1  # of every tokenizer
        return cls._of(*ids, ends_texts=end_of_text in train, run=run)

    @classmethod
    def from_file(cls, file: TokenFile, run: Run, validation_file: TokenFile | None = None) -> "Data":
        """Read window by window as they are asked for. ValueError as `from_ids`.

        validation_file  of a text of its own, all of which validates
        """
        ends_texts = file.manifest.train_texts_ended > 0
        validation = file.validation if validation_file is None else validation_file.train
        return cls._of(file.train, validation, ends_texts=ends_texts, run=run)

    @classmethod
    def _of(cls, train: Ids, validation: Ids, *, ends_texts: bool, run: Run) -> "Data":
        context, batch_size = run.model.context_length, run.training.batch_size
        stride = (
            run.training.stride or context
        )  # by default windows lie end to end: no token is an input twice
        data = cls(
            TokenWindows(train, context, stride), TokenWindows(validation, context, stride), ends_texts
        )
        if batches_per_epoch(len(data.train), batch_size) == 0:
            raise ValueError(
                f"the training text has {len(train):,} tokens, that is {len(data.train):,} windows of "
                f"{context:,} at a stride of {stride}: too few for a batch of {batch_size}"
            )
        if len(data.validation) == 0:
            raise ValueError(
                f"the validation text has {len(validation):,} tokens; a context of {context:,} needs more"
            )
        return data

    def sha256(self) -> str:
        """What tells this data from any other: a hash over the tokens of both splits."""
        digest = hashlib.sha256(f"{len(self.train.ids)} {len(self.validation.ids)} ".encode())
        for ids in (self.train.ids, self.validation.ids):
            for start in range(0, len(ids), HASHED_TOKENS):
                digest.update(ids[start : start + HASHED_TOKENS].numpy().data)
        return digest.hexdigest()


def batches(
    windows: TokenWindows,
    order: Tensor,
    batch_size: int,
    *,
    drop_last: bool,
    device: torch.device,
    first: int = 0,
) -> Iterator[Batch]:
    """The windows in `order` (N,), `batch_size` at a time, on `device`.

    `first` skips that many batches. `drop_last` drops the windows that do not fill a batch; otherwise they
    come as a smaller one.
    """
    end = len(order) // batch_size if drop_last else -(-len(order) // batch_size)
    for number in range(first, end):
        indices = order[number * batch_size : (number + 1) * batch_size]
        yield to_device(windows.batch(indices), device)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Copied without waiting: from pinned memory, the copy runs beside the work already queued on the GPU."""
    if device.type != "cuda":
        return batch
    inputs, targets = (part.pin_memory().to(device, non_blocking=True) for part in batch)
    return inputs, targets
