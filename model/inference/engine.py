"""Engines: how the token after those that are read is computed, of several sequences at once.

The plain one is the GPT itself with its caches, which does for every architecture. For each kind of device
there is one fast engine besides. It says which models it supports; for the others the GPT does the work, so
that a new architecture needs no engine of its own to generate.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from model.gpt import GPT
from model.inference.graphed_decoding import GraphEngine, with_bfloat16_matrices
from model.inference.kv_cache import SequenceCache


class Engine(Protocol):
    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        """The logits (1, V) after a token of each of these sequences, until the next call."""
        ...

    def release(self, cache: SequenceCache, *, goes_on: bool) -> None:
        """Keep nothing for a sequence that ends, or that rests for a while and goes on later."""
        ...


class PlainEngine:
    """The model's own operations."""

    def __init__(self, model: GPT) -> None:
        self.model = model

    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        ids = torch.tensor([[token] for token in tokens.values()], device=self.model.tok_emb.weight.device)
        logits = self.model.next_logits(ids, list(tokens))  # (B, V)
        return dict(zip(tokens, logits.split(1), strict=True))

    def release(self, cache: SequenceCache, *, goes_on: bool) -> None:
        pass


def fast_engine(model: GPT, *, int8: bool = False, compiles: bool = True) -> Callable[[], Engine]:
    """Makes engines that share what was prepared of `model`, for a process that generates much.

    int8      a fast engine of the CPU's has the matrices in 8 bits. Each weight is then off by up to 1 / 254
              of the largest of its output, and a token takes a half to two thirds of the time
              (benchmarks/LOG.md). Prompts are read with the weights as they are.
    compiles  whether it may compile first, for some seconds and 0.2 GB; trainers do without
    """
    device, numerics = model.tok_emb.weight.device, model.kit.numerics
    if GraphEngine.supports(model.config, numerics, device):
        return partial(GraphEngine, with_bfloat16_matrices(model) if numerics == "bfloat16" else model)
    if compiles:
        from model.inference.cpu_kernel.decoding import CPUEngine
        from model.inference.cpu_kernel.weights import Stored, token_weights

        if CPUEngine.supports(model.config, numerics, device):
            trained: Stored = "bfloat16" if numerics == "bfloat16" else "float32"
            return partial(CPUEngine, token_weights(model, "int8" if int8 else trained))
    return partial(PlainEngine, model)
