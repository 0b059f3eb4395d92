"""Decoding: the logits of the next token, for sequences that join and leave a batch between two tokens.

A prompt is read in chunks of many tokens at once (prefill), every token after it alone (decode steps), into a
KV cache of the sequence's own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from model.gpt import GPT
from model.inference.engine import Engine, PlainEngine
from model.inference.kv_cache import SequenceCache

CPU_CHUNK_TOKENS, GPU_CHUNK_TOKENS = 128, 1024
"""Tokens of a prompt in a chunk, for which other sequences wait between two of their tokens. Smaller matrix
products would not reach the processor's GEMM throughput (benchmarks/LOG.md). How a sequence is divided into
chunks does not depend on the load, because one pass rounds otherwise than two."""


class TokenSequence:
    """The tokens that the model sees of one sequence, and its KV cache.

    After `evict` its tokens are read again as they were at first, in chunks and one by one, so that the
    logits are the same to the bit.
    """

    def __init__(self, tokens: Sequence[int], context_length: int) -> None:
        self.tokens = list(tokens)[-context_length:]
        self.context_length = context_length
        self.prefill_tokens = len(self.tokens)
        """How many of the tokens, from the first on, are read in chunks."""
        self.cache: SequenceCache | None = None

    def append(self, token: int) -> None:
        self.tokens.append(token)
        if len(self.tokens) > self.context_length:
            # The window slides: every token has another position now, so nothing cached is of use.
            del self.tokens[0]
            self.prefill_tokens = self.context_length
            if self.cache is not None:
                self.cache.set_length(0)

    def evict(self) -> None:
        """Free the memory of the KV cache."""
        self.cache = None

    @property
    def cached_tokens(self) -> int:
        return 0 if self.cache is None else self.cache.length

    @property
    def needs_prefill(self) -> bool:
        """Whether there are chunks to read before the next single token."""
        return self.cached_tokens < self.prefill_tokens


class Decoding:
    """A batch of sequences, of any lengths, that a model continues.

    The model sees the last `context_length` tokens of each. Up to that length each token is read once; beyond
    it the window slides, and all of it is read again for every token. A sequence's logits do not depend on
    the rest of the batch but for how its matrix products round; with the CPU's fast engine not by a bit.
    """

    def __init__(
        self, model: GPT, sequences: Iterable[Sequence[int]] = (), engine: Engine | None = None
    ) -> None:
        """`engine` computes decode steps: by default a `PlainEngine`. ValueError if a sequence is empty."""
        self.model = model
        self.engine = engine or PlainEngine(model)
        self.device = model.tok_emb.weight.device
        self.chunk_tokens = CPU_CHUNK_TOKENS if self.device.type == "cpu" else GPU_CHUNK_TOKENS
        self.sequences: list[TokenSequence] = []
        for tokens in sequences:
            self.join(tokens)

    def join(self, tokens: Sequence[int]) -> TokenSequence:
        """Add a sequence. ValueError if it is empty."""
        if not tokens:
            raise ValueError("there is no token to continue: a sequence is empty")
        self.sequences.append(TokenSequence(tokens, self.model.config.context_length))
        return self.sequences[-1]

    def leave(self, sequence: TokenSequence, *, will_resume: bool = False) -> None:
        """Remove a sequence; `will_resume` here or in another decoding of the same model."""
        self.sequences.remove(sequence)
        self.release(sequence, will_resume=will_resume)

    def resume(self, sequence: TokenSequence) -> None:
        """Take back a sequence that has left."""
        self.sequences.append(sequence)

    def release(self, sequence: TokenSequence, *, will_resume: bool) -> None:
        """Free what the engine holds for a sequence."""
        if sequence.cache is not None:
            self.engine.release(sequence.cache, will_resume=will_resume)

    def allocated_tokens(self, sequence: TokenSequence) -> int:
        """For how many tokens a sequence's cache takes memory: on the CPU only for those that are in it."""
        if sequence.cache is None:
            return 0
        return sequence.cached_tokens if self.device.type == "cpu" else sequence.context_length

    def append(self, tokens: Sequence[int]) -> None:
        """The next token of each sequence."""
        for sequence, token in zip(self.sequences, tokens, strict=True):
            sequence.append(token)

    def next_logits(self) -> Tensor:
        """(B, V) float32: the logits of the token that follows each sequence."""
        logits: dict[TokenSequence, Tensor] = {}
        for sequence in self.sequences:
            while sequence.needs_prefill and sequence not in logits:
                if (prompt_logits := self.prefill_chunk(sequence)) is not None:
                    logits[sequence] = prompt_logits
            # One that was evicted catches up with the tokens after its prompt.
            while not sequence.needs_prefill and sequence.cached_tokens + 1 < len(sequence.tokens):
                self.decode_tokens([sequence])
        if prefilled := [sequence for sequence in self.sequences if sequence not in logits]:
            logits |= self.decode_tokens(prefilled)
        return torch.stack([logits[sequence] for sequence in self.sequences])

    def prefill_chunk(self, sequence: TokenSequence) -> Tensor | None:
        """Read the next chunk of a sequence that needs prefill.

        Returns the logits (V,) float32 of the token that follows it, None if more of the sequence is unread.
        """
        start = sequence.cached_tokens
        end = min(start + self.chunk_tokens, sequence.prefill_tokens)
        if start == 0:
            self.release(sequence, will_resume=True)  # an engine holds nothing for an empty cache
        if not self.model.kit.has_cache:
            end = len(sequence.tokens)  # the lecture's own arithmetic reads everything every time
        ids = torch.tensor([sequence.tokens[start:end]], device=self.device)  # (1, t)
        if (end == sequence.context_length and start == 0) or not self.model.kit.has_cache:
            sequence.cache = None  # a full window slides with the next token
            return self.model.next_logits(ids)[0].float()
        if sequence.cache is None:
            sequence.cache = SequenceCache(self.model.config, self.device, self.model.kit.dtype)
        with rolled_back_on_error([sequence.cache]):
            logits = self.model.next_logits(ids, [sequence.cache])[0].float()
        return logits if end == len(sequence.tokens) else None

    def decode_tokens(self, sequences: Sequence[TokenSequence]) -> dict[TokenSequence, Tensor]:
        """Read the next token of each sequence, none of which needs prefill.

        Returns the logits (V,) float32, valid until the next call, of the token that follows each sequence
        that is now read to its end.
        """
        by_cache = {sequence.cache: sequence for sequence in sequences if sequence.cache is not None}
        with rolled_back_on_error(by_cache):
            logits = self.engine.next_logits(
                {cache: sequence.tokens[cache.length] for cache, sequence in by_cache.items()}
            )
        return {
            by_cache[cache]: sequence_logits[0].float()
            for cache, sequence_logits in logits.items()
            if cache.length == len(by_cache[cache].tokens)
        }


@contextmanager
def rolled_back_on_error(caches: Iterable[SequenceCache]) -> Iterator[None]:
    """After an error some layers have cached a token that the others have not; forget it everywhere."""
    lengths = {cache: cache.length for cache in caches}
    try:
        yield
    except BaseException:
        for cache, length in lengths.items():
            cache.set_length(length)
        raise
