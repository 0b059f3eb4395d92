"""The logits of the next token, for sequences that grow by a token at a time and come and go between them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from model.gpt import GPT
from model.inference.engine import Engine, PlainEngine
from model.inference.kv_cache import SequenceCache

CPU_PIECE_TOKENS, GPU_PIECE_TOKENS = 128, 1024
"""Of a prompt, read at once: what others wait for between two of their tokens. Fewer would leave products of
matrices that take less than a processor's full rate (benchmarks/LOG.md). No sequence's piece depends on what
else there is to do, because the numbers of one pass round otherwise than those of two."""


class TokenSequence:
    """The tokens that the model sees of one sequence, and what it keeps of those that it has read.

    A prompt is read in pieces, the tokens after it one by one, and so it is again after `forget`: the numbers
    are the same ones.
    """

    def __init__(self, tokens: Sequence[int], limit: int) -> None:
        self.tokens = list(tokens)[-limit:]
        self.limit = limit
        self.in_pieces = len(self.tokens)
        """How many of the tokens are read in pieces."""
        self.cache: SequenceCache | None = None

    def append(self, token: int) -> None:
        self.tokens.append(token)
        if len(self.tokens) > self.limit:
            # The window moves: every token is at another position now, and all of it is read anew.
            del self.tokens[0]
            self.in_pieces = self.limit
            if self.cache is not None:
                self.cache.set_length(0)

    def forget(self) -> None:
        """Give up what is cached, for its memory."""
        self.cache = None

    @property
    def read(self) -> int:
        """How many of the tokens the cache has."""
        return 0 if self.cache is None else self.cache.length

    @property
    def has_pieces(self) -> bool:
        """Whether there are pieces to read before the next single token."""
        return self.read < self.in_pieces


class Decoding:
    """Sequences of tokens, of any lengths, that a model continues side by side.

    The model sees the last `context_length` tokens of each. Up to there it reads each token once; beyond, the
    window moves, and all of it is read anew at every step. What a sequence gets does not depend on the
    others, as far as the products of the matrices do not: not by a bit with the CPU's fast engine.
    """

    def __init__(
        self, model: GPT, sequences: Iterable[Sequence[int]] = (), engine: Engine | None = None
    ) -> None:
        """`engine` computes single tokens; the model itself unless given. ValueError if a sequence is
        empty."""
        self.model = model
        self.engine = engine or PlainEngine(model)
        self.device = model.tok_emb.weight.device
        self.piece_tokens = CPU_PIECE_TOKENS if self.device.type == "cpu" else GPU_PIECE_TOKENS
        self.sequences: list[TokenSequence] = []
        for tokens in sequences:
            self.join(tokens)

    def join(self, tokens: Sequence[int]) -> TokenSequence:
        """One more sequence. ValueError if it is empty."""
        if not tokens:
            raise ValueError("there is no token to continue: a sequence is empty")
        self.sequences.append(TokenSequence(tokens, self.model.config.context_length))
        return self.sequences[-1]

    def leave(self, sequence: TokenSequence, *, goes_on: bool = False) -> None:
        """`goes_on`: it may come back, here or in another decoding of the same model."""
        self.sequences.remove(sequence)
        self.release(sequence, goes_on=goes_on)

    def go_on(self, sequence: TokenSequence) -> None:
        """Take back a sequence that has left."""
        self.sequences.append(sequence)

    def release(self, sequence: TokenSequence, *, goes_on: bool) -> None:
        """Keep no place for the tokens that it has read."""
        if sequence.cache is not None:
            self.engine.release(sequence.cache, goes_on=goes_on)

    def held_tokens(self, sequence: TokenSequence) -> int:
        """How many tokens' memory a sequence takes: on the CPU only what is used of it."""
        if sequence.cache is None:
            return 0
        return sequence.read if self.device.type == "cpu" else sequence.limit

    def append(self, tokens: Sequence[int]) -> None:
        """The next token of each sequence."""
        for sequence, token in zip(self.sequences, tokens, strict=True):
            sequence.append(token)

    def next_logits(self) -> Tensor:
        """(B, V) float32: the logits of the token that follows each sequence."""
        logits: dict[TokenSequence, Tensor] = {}
        for sequence in self.sequences:
            while sequence.has_pieces and sequence not in logits:
                if (found := self.read_piece(sequence)) is not None:
                    logits[sequence] = found
            while not sequence.has_pieces and sequence.read + 1 < len(sequence.tokens):
                self.read_tokens([sequence])
        if begun := [sequence for sequence in self.sequences if sequence not in logits]:
            logits |= self.read_tokens(begun)
        return torch.stack([logits[sequence] for sequence in self.sequences])

    def read_piece(self, sequence: TokenSequence) -> Tensor | None:
        """Read the next piece of a sequence that has some; the logits (V,) float32 of the token that follows
        it, if that was all."""
        start = sequence.read
        end = min(start + self.piece_tokens, sequence.in_pieces)
        if start == 0:
            self.release(sequence, goes_on=True)  # what moves has no use for what was read
        if not self.model.kit.has_cache:
            end = len(sequence.tokens)  # the lecture's own arithmetic reads everything every time
        ids = torch.tensor([sequence.tokens[start:end]], device=self.device)  # (1, t)
        if (end == sequence.limit and start == 0) or not self.model.kit.has_cache:
            sequence.cache = None  # a full window moves with the next token
            return self.model.next_logits(ids)[0].float()
        sequence.cache = sequence.cache or SequenceCache(self.model.config)
        with undone_on_error([sequence.cache]):
            logits = self.model.next_logits(ids, [sequence.cache])[0].float()
        return logits if end == len(sequence.tokens) else None

    def read_tokens(self, sequences: Sequence[TokenSequence]) -> dict[TokenSequence, Tensor]:
        """Read the next token of each sequence, of which none has pieces; the logits (V,) float32, until the
        next call, of the token that follows those that are read to their ends."""
        caches = {sequence.cache: sequence for sequence in sequences if sequence.cache is not None}
        with undone_on_error(caches):
            logits = self.engine.next_logits(
                {cache: sequence.tokens[cache.length] for cache, sequence in caches.items()}
            )
        return {
            caches[cache]: of_sequence[0].float()
            for cache, of_sequence in logits.items()
            if cache.length == len(caches[cache].tokens)
        }


@contextmanager
def undone_on_error(caches: Iterable[SequenceCache]) -> Iterator[None]:
    """Where computing fails half of the layers have taken in a token, and the others have not."""
    lengths = {cache: cache.length for cache in caches}
    try:
        yield
    except BaseException:
        for cache, length in lengths.items():
            cache.set_length(length)
        raise
