"""The scores of the next token, for rows of tokens that grow one at a time."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from model.cache import Cache
from model.gpt import GPT
from model.packed import PackedGPT
from model.token_graph import TokenGraph


class TokenSteps(Protocol):
    """Computes a token of several rows, each with a cache, at once."""

    def next_logits(self, tokens: Mapping[Cache, int]) -> dict[Cache, Tensor]:
        """The scores (1, V) after a token of each of these rows, until the next call. The others rest."""
        ...


def steps_of(model: GPT, caches: Sequence[Cache]) -> TokenSteps | None:
    """For rows that have begun; None where the model computes their tokens itself."""
    if model.tok_emb.weight.is_cuda:
        return TokenGraph(model, caches)
    if isinstance(model, PackedGPT) and model.token_weights is not None:
        from model.token_kernel import TokenKernel  # and with it a compiler, which trainers do without

        return TokenKernel(model.token_weights, caches)
    return None


class Row:
    """The tokens that the model sees of one row, and what is cached of them."""

    def __init__(self, tokens: Sequence[int], limit: int) -> None:
        self.tokens = list(tokens)[-limit:]
        self.limit = limit
        self.cache: Cache | None = None

    def append(self, token: int) -> None:
        self.tokens = [*self.tokens, token][-self.limit :]
        if self.cache is not None and self.cache.length == self.limit:
            self.cache = None  # the window moves: every token is at another position now


class Decoding:
    """Rows of tokens, of any lengths, that a model continues side by side.

    The model sees the last `context_length` tokens of each. Up to there it reads each token once; beyond, the
    window moves, and all of it is read anew at every step. What a row gets does not depend on the others, as
    far as the products of the matrices do not: not by a bit with a model `for_generation` on a CPU.
    """

    def __init__(self, model: GPT, rows: Sequence[Sequence[int]]) -> None:
        """ValueError if a row is empty."""
        if not all(rows):
            raise ValueError("there is no token to continue: a row is empty")
        self.model = model
        self.device = model.tok_emb.weight.device
        self.rows = [Row(row, model.config.context_length) for row in rows]
        self.steps: TokenSteps | None = None

    def append(self, tokens: Sequence[int]) -> None:
        """The next token of each row."""
        for row, token in zip(self.rows, tokens, strict=True):
            row.append(token)

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these rows only, of those there are."""
        self.rows = [self.rows[index] for index in indices]

    def next_logits(self) -> Tensor:
        """(B, V) float32: the scores of the token that follows each row."""
        begun = {row.cache: row for row in self.rows if row.cache is not None}
        logits = {row: self.read_all(row) for row in self.rows if row.cache is None}
        if begun:
            scores = self.read_one_each({cache: row.tokens[-1] for cache, row in begun.items()})
            logits |= {begun[cache]: of_row for cache, of_row in scores.items()}
        return torch.cat([logits[row] for row in self.rows]).float()

    def read_one_each(self, tokens: dict[Cache, int]) -> dict[Cache, Tensor]:
        """(1, V) for each cache: the scores of the token that follows the given one, which it takes in."""
        self.steps = self.steps or steps_of(self.model, list(tokens))
        if self.steps is not None:
            return self.steps.next_logits(tokens)
        ids = torch.tensor([[token] for token in tokens.values()], device=self.device)
        logits = self.model.next_logits(ids, list(tokens))
        return dict(zip(tokens, logits.split(1), strict=True))

    def read_all(self, row: Row) -> Tensor:
        """(1, V): the scores of the token that follows `row`, whose cache is empty or of no use."""
        ids = torch.tensor([row.tokens], device=self.device)
        # A full window moves with the next token; the lecture's own arithmetic reads everything every time.
        if len(row.tokens) == row.limit or self.model.numerics == "reference":
            return self.model.next_logits(ids)
        row.cache = Cache(self.model.config)
        return self.model.next_logits(ids, [row.cache])
