"""The scores of the next token, for rows of tokens that grow one at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.cache import Cache
from model.gpt import GPT


class Decoding:
    """Rows of tokens, of any lengths, that a model continues side by side.

    The model sees the last `context_length` tokens of each. Up to there it reads each token once; beyond, the
    window moves, every position is another, and all is read anew at every step.
    """

    def __init__(self, model: GPT, rows: Sequence[Sequence[int]]) -> None:
        """ValueError if a row is empty."""
        if not all(rows):
            raise ValueError("there is no token to continue: a row is empty")
        self.model = model
        self.device = model.tok_emb.weight.device
        self.limit = model.config.context_length
        self.rows = [list(row)[-self.limit :] for row in rows]
        self.cache: Cache | None = None
        self.padding: Tensor | None = None

    def append(self, tokens: Sequence[int]) -> None:
        """The next token of each row."""
        for row, token in zip(self.rows, tokens, strict=True):
            row.append(token)

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these rows only, of those there are."""
        self.rows = [self.rows[index] for index in indices]
        chosen = torch.tensor(indices, device=self.device)
        self.padding = None if self.padding is None else self.padding[chosen]
        if self.cache is not None:
            self.cache.keep(chosen)

    def next_logits(self) -> Tensor:
        """(B, V) float32: the scores of the token that follows each row."""
        if self.cache is not None and self.cache.length < self.limit:
            ids = torch.tensor([row[-1:] for row in self.rows], device=self.device)
        else:
            ids = self.start()
        return self.model.next_logits(ids, self.cache, self.padding).float()

    def start(self) -> Tensor:
        """The tokens (B, T) to read from the beginning, rows padded on the left to equal length."""
        windows = [row[-self.limit :] for row in self.rows]
        width = max(len(window) for window in windows)
        padding = [width - len(window) for window in windows]
        self.padding = torch.tensor(padding, device=self.device) if any(padding) else None
        # The lecture's own arithmetic reads everything at every step, as the lecture does.
        is_cached = width < self.limit and self.model.numerics != "reference"
        self.cache = self.new_cache() if is_cached else None
        return torch.tensor(
            [[0] * missing + window for missing, window in zip(padding, windows, strict=True)],
            device=self.device,
        )

    def new_cache(self) -> Cache:
        dtype = torch.bfloat16 if self.model.numerics == "bfloat16" else torch.float32
        return Cache(self.model.config, len(self.rows), dtype, self.device)
