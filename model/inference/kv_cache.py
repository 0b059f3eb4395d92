"""The KV cache: the keys and values of the tokens that a model has read, which it need not read again."""

import torch
from torch import Tensor
from torch.nn import functional as F

from model.config import GPTConfig
from model.layers.attention import causal_attention, causal_lower_right_attention


class SequenceCache:
    """The `KVCache` of one sequence, of any length up to the context's.

    The operating system hands out its memory as it fills up. On the CPU it is float32 always, where one query
    attends to 200 tokens in 31 instead of bfloat16's 134 us.
    """

    def __init__(self, config: GPTConfig, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        """`dtype` is that of the model's keys and values on a GPU."""
        self.context_length = config.context_length
        D = config.emb_dim // config.n_heads
        shape = (config.n_layers, 2, 1, config.n_heads, config.context_length, D)
        self.layers = [LayerCache() for _ in range(config.n_layers)]
        self.relocate(
            torch.empty(shape, dtype=torch.float32 if device.type == "cpu" else dtype, device=device)
        )

    def relocate(self, kv: Tensor) -> None:
        """Use `kv` (L, 2, 1, H, context length, D), to which the caller has copied what is cached."""
        self.kv = kv
        for layer, layer_kv in zip(self.layers, kv, strict=True):
            layer.kv = layer_kv

    @property
    def length(self) -> int:
        """Tokens cached."""
        return self.layers[0].length

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        end = self.length + tokens
        if end > self.context_length:
            raise ValueError(f"{end} tokens do not fit into a context of {self.context_length}")
        return torch.arange(self.length, end, device=device)

    def advance(self) -> None:
        """Count one more token, whose keys and values an engine has written into `kv` itself."""
        self.set_length(self.length + 1)

    def set_length(self, length: int) -> None:
        """Count `length` tokens as cached; those after them will be overwritten."""
        for layer in self.layers:
            layer.length = length


class LayerCache:
    """A `LayerKVCache`: one layer's part of a sequence's."""

    kv: Tensor
    """(2, 1, H, context length, D)"""
    length = 0
    """Tokens whose keys and values are there."""

    def append_and_attend(self, qkv: Tensor) -> Tensor:
        kv, start = self.kv, self.length
        self.length += qkv.shape[3]
        kv[:, :, :, start : self.length] = qkv[1:]
        if start == 0:
            return causal_attention(qkv)
        keys, values = kv[:, :, :, : self.length]  # (1, H, length, D) each
        queries = qkv[0].to(kv.dtype)  # (1, H, t, D)
        if qkv.shape[3] == 1:
            return F.scaled_dot_product_attention(queries, keys, values)  # all of them are past
        return causal_lower_right_attention(queries, keys, values)
