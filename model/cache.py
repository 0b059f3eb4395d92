"""Keys and values of tokens that a model has read, so that the next token costs one position, not all."""

import torch
from torch import Tensor

from model.config import GPTConfig


class LayerCache:
    """Of one block: keys and values (B, H, T, D), with room for as many tokens as the context holds."""

    def __init__(self, shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device) -> None:
        self.keys = torch.empty(shape, dtype=dtype, device=device)
        self.values = torch.empty(shape, dtype=dtype, device=device)
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Take the keys and values (B, H, t, D) of the next t tokens; return those of all read so far."""
        start, self.length = self.length, self.length + keys.shape[2]
        self.keys[:, :, start : self.length] = keys
        self.values[:, :, start : self.length] = values
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class Cache:
    """Of a whole model, for `batch` rows."""

    def __init__(self, config: GPTConfig, batch: int, dtype: torch.dtype, device: torch.device) -> None:
        shape = (batch, config.n_heads, config.context_length, config.emb_dim // config.n_heads)
        self.layers = [LayerCache(shape, dtype, device) for _ in range(config.n_layers)]

    @property
    def length(self) -> int:
        """Tokens read, padding included."""
        return self.layers[0].length

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows (b,) only."""
        for layer in self.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
