"""The kits of layers that a GPT can be made of, one for each numerical mode (`model.numerics`).

To try another layer everywhere, change it here; to try another architecture, change `model.gpt`. A kit's
layers run on every device. Where one computes otherwise on a GPU, it looks at its input's device and not at a
setting, because a model may move, and because the model that is compiled for training is evaluated in eager
mode.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers import reference
from model.layers.attention import LayerKVCache, attend, project_qkv
from model.layers.bfloat16 import Bfloat16Linear, bfloat16_tied_head
from model.layers.dropout import Dropout
from model.layers.embedding import Embedding
from model.layers.float32 import Float32Linear, float32_linear
from model.layers.head import Head, TiedHead, padded_logits, plain_logits
from model.layers.layer_norm import LayerNorm
from model.numerics import ResolvedNumerics


@dataclass(frozen=True)
class Kit:
    numerics: ResolvedNumerics
    dtype: torch.dtype
    """Of matrix products, on a GPU also of keys and values."""
    has_cache: bool
    """Whether `attend` takes KV caches."""
    linear: type[nn.Linear]
    embedding: type[nn.Embedding]
    """Of tokens; that of positions is small, and PyTorch's own."""
    dropout: Callable[[float], nn.Module]
    layer_norm: type[LayerNorm]
    gelu: Callable[[Tensor], Tensor]
    project_qkv: Callable[[nn.Linear, Tensor, int], Any]
    """The layer (3C, C), x (B, T, C) and the number of heads -> queries, keys and values, (B, H, T, D) each,
    as three tensors or as one (3, B, H, T, D)."""
    attend: Callable[[Any, Sequence[LayerKVCache], float], Tensor]
    """Queries, keys and values as of `project_qkv`, or always (3, B, H, T, D); the sequences' KV caches; the
    dropout rate of the attention weights -> (B, H, T, D)."""
    tied_head: Callable[[nn.Embedding], TiedHead]
    training_logits: Callable[[Head, Tensor], Tensor]
    """A head and hidden states (B, T, C) -> (B, T, V or more), for the loss: padding after V is -inf."""


REFERENCE = Kit(
    numerics="reference",
    dtype=torch.float32,
    has_cache=False,
    linear=nn.Linear,
    embedding=nn.Embedding,
    dropout=nn.Dropout,
    layer_norm=reference.LayerNorm,
    gelu=reference.gelu,
    project_qkv=reference.project_qkv,
    attend=reference.attend,
    tied_head=partial(TiedHead, linear=F.linear),
    training_logits=plain_logits,
)
FLOAT32 = Kit(
    numerics="float32",
    dtype=torch.float32,
    has_cache=True,
    linear=Float32Linear,
    embedding=Embedding,
    dropout=Dropout,
    layer_norm=LayerNorm,
    gelu=partial(F.gelu, approximate="tanh"),
    project_qkv=project_qkv,
    attend=attend,
    tied_head=partial(TiedHead, linear=float32_linear),
    training_logits=partial(padded_logits, dtype=torch.float32),
)
BFLOAT16 = replace(
    FLOAT32,
    numerics="bfloat16",
    dtype=torch.bfloat16,
    linear=Bfloat16Linear,
    tied_head=bfloat16_tied_head,
    training_logits=partial(padded_logits, dtype=torch.bfloat16),
)

KITS: dict[ResolvedNumerics, Kit] = {kit.numerics: kit for kit in (REFERENCE, FLOAT32, BFLOAT16)}
