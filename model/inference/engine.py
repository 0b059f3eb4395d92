"""Engines: what computes a decode step, the logits after one more token of each of several sequences.

`PlainEngine`, the GPT itself with its KV caches, works for every architecture. Beside it there is one fast
engine for each kind of device, whose `supports` says which models it computes; `fast_engine` falls back to
the plain one for all others, so that a new architecture needs no engine of its own to generate.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from model.gpt import GPT
from model.inference.graphed_decoding import CUDAGraphEngine, with_bfloat16_matrices
from model.inference.kv_cache import SequenceCache


class Engine(Protocol):
    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        """Append a token to each sequence, by its cache, whose prefill is done -> the logits (1, V) of the
        token after it, valid until the next call."""
        ...

    def release(self, cache: SequenceCache, *, will_resume: bool) -> None:
        """Free what is held for a sequence. The cache stays usable if it will resume, here or elsewhere."""
        ...


class PlainEngine:
    """The model's own operations."""

    def __init__(self, model: GPT) -> None:
        self.model = model

    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        device = self.model.tok_emb.weight.device
        ids = torch.tensor([[token] for token in tokens.values()], device=device)  # (B, 1)
        logits = self.model.next_logits(ids, list(tokens))  # (B, V)
        return dict(zip(tokens, logits.split(1), strict=True))

    def release(self, cache: SequenceCache, *, will_resume: bool) -> None:
        pass


def fast_engine(model: GPT, *, int8: bool = False, compiles: bool = True) -> Callable[[], Engine]:
    """A factory of engines that share `model`'s weights, prepared once, for a process that generates much.

    int8      whether the CPU's engine quantises the matrices to 8 bits. Each weight is then off by up to
              1 / 254 of the largest of its output, and decoding is 1.5x to 2x faster (benchmarks/LOG.md).
              Prefill takes the weights as they are.
    compiles  whether to use engines that compile first, for some seconds and 0.2 GB; trainers do without
    """
    device, numerics = model.tok_emb.weight.device, model.kit.numerics
    if CUDAGraphEngine.supports(model.config, numerics, device):
        return partial(CUDAGraphEngine, with_bfloat16_matrices(model) if numerics == "bfloat16" else model)
    if compiles:
        from model.inference.cpu_kernel.engine import CPUEngine  # which imports Numba
        from model.inference.cpu_kernel.weights import WeightDtype, pack_weights

        if CPUEngine.supports(model.config, numerics, device):
            trained: WeightDtype = "bfloat16" if numerics == "bfloat16" else "float32"
            return partial(CPUEngine, pack_weights(model, "int8" if int8 else trained))
    return partial(PlainEngine, model)
