"""The lecture's GPT: embeddings, pre-norm blocks, a final norm and an output head. Sizes are B, T, C, V."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import GPTConfig
from model.inference.kv_cache import AttendingCache, SequenceCache, attend, positions_after
from model.layers import reference
from model.layers.bfloat16 import Bfloat16Copy, MixedLinear, for_product, mixed_linear
from model.layers.dropout import Dropout
from model.layers.embedding import Embedding
from model.layers.float32 import Float32Linear, float32_linear
from model.layers.padded import padded_linear
from model.numerics import ResolvedNumerics

LINEAR: dict[ResolvedNumerics, type[nn.Linear]] = {
    "bfloat16": MixedLinear,
    "float32": Float32Linear,
    "reference": nn.Linear,
}


class GPT(nn.Module):
    """ids (B, T) int64, T at most `context_length` -> logits (B, T, V).

    The weights are drawn from the global generator when the model is made. `numerics` decides how the same
    mathematics is computed, never what the weights are: one checkpoint serves every mode.
    """

    def __init__(self, config: GPTConfig, numerics: ResolvedNumerics = "float32") -> None:
        super().__init__()
        self.config = config
        self.numerics = numerics
        embedding = nn.Embedding if numerics == "reference" else Embedding
        self.tok_emb = embedding(config.vocab_size, config.emb_dim)
        self.pos_emb = nn.Embedding(config.context_length, config.emb_dim)
        self.drop_emb = make_dropout(config.drop_rate, numerics)
        self.blocks = nn.ModuleList(Block(config, numerics) for _ in range(config.n_layers))
        self.final_norm = LayerNorm(config.emb_dim, numerics)
        self.head: nn.Module | None = None
        if not config.tie_weights:
            self.head = linear(config.emb_dim, config.vocab_size, bias=False, numerics=numerics)
        self.tied_copy = Bfloat16Copy()
        if config.initialization == "gpt2":
            self.apply(partial(initialise_as_gpt2, n_layers=config.n_layers))

    @property
    def output_weight(self) -> Tensor:
        """(V, C)"""
        return self.tok_emb.weight if self.head is None else self.get_parameter("head.weight")

    def forward(self, ids: Tensor) -> Tensor:
        return self.padded_logits(ids)[..., : self.config.vocab_size]

    def padded_logits(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V or more): what a GPU computes beyond V is -inf, which no softmax notices."""
        hidden = self.hidden(ids)
        if self.numerics == "reference" or hidden.is_cpu:
            return self.logits(hidden)
        dtype = torch.bfloat16 if self.numerics == "bfloat16" else torch.float32
        return padded_linear(hidden.to(dtype), self.output_weight.to(dtype))

    def next_logits(self, ids: Tensor, caches: Sequence[SequenceCache] = ()) -> Tensor:
        """(B, T) -> (B, V): logits of the token that follows the last one, without those of the others.

        caches  one for each sequence, which takes in `ids`
        """
        return self.logits(self.hidden(ids, caches)[:, -1])

    def hidden(self, ids: Tensor, caches: Sequence[SequenceCache] = ()) -> Tensor:
        T = ids.shape[1]
        if caches:
            positions = torch.stack([cache.positions(T, ids.device) for cache in caches])  # (B, T)
        else:
            positions = positions_after(0, T, self.config.context_length, ids.device)  # (T,)
        x = self.drop_emb(self.tok_emb(ids) + self.pos_emb(positions))  # (B, T, C)
        for index, block in enumerate(self.blocks):
            x = block(x, [cache.layers[index] for cache in caches])  # (B, T, C)
        return self.final_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        if self.head is not None:
            return self.head(hidden)
        if self.numerics == "bfloat16":
            return mixed_linear(hidden, self.tok_emb.weight, None, self.tied_copy)
        if self.numerics == "float32":
            return float32_linear(hidden, self.tok_emb.weight)
        return F.linear(hidden, self.tok_emb.weight)


class Block(nn.Module):
    def __init__(self, config: GPTConfig, numerics: ResolvedNumerics) -> None:
        super().__init__()
        self.attention = Attention(config, numerics)
        self.feed_forward = FeedForward(config.emb_dim, numerics)
        self.norm1 = LayerNorm(config.emb_dim, numerics)
        self.norm2 = LayerNorm(config.emb_dim, numerics)
        self.drop = make_dropout(config.drop_rate, numerics)

    def forward(self, x: Tensor, caches: Sequence[AttendingCache] = ()) -> Tensor:
        x = self.drop(self.attention(self.norm1(x), caches)) + x  # (B, T, C)
        return self.drop(self.feed_forward(self.norm2(x))) + x


class Attention(nn.Module):
    """Causal multi-head self-attention (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, config: GPTConfig, numerics: ResolvedNumerics) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.drop_rate = config.drop_rate
        self.is_reference = numerics == "reference"
        self.qkv = fused_projection(config.emb_dim, config.qkv_bias, numerics)
        self.out = linear(config.emb_dim, config.emb_dim, numerics=numerics)

    def forward(self, x: Tensor, caches: Sequence[AttendingCache] = ()) -> Tensor:
        """x (B, T, C); `caches` of the tokens before it, one for each sequence."""
        B, T, C = x.shape
        drop_rate = self.drop_rate if self.training else 0.0
        if self.is_reference:
            mixed = reference.attention(x, self.qkv.weight, self.qkv.bias, self.n_heads, drop_rate)
        else:
            qkv = for_product(self.qkv(x)).view(B, T, 3, self.n_heads, C // self.n_heads)
            mixed = attend(qkv.permute(2, 0, 3, 1, 4), caches, drop_rate)  # (B, H, T, C/H)
            mixed = mixed.transpose(1, 2).reshape(B, T, C)
        return self.out(mixed)  # (B, T, C)


class FeedForward(nn.Module):
    def __init__(self, emb_dim: int, numerics: ResolvedNumerics) -> None:
        super().__init__()
        self.up = linear(emb_dim, 4 * emb_dim, numerics=numerics)
        self.down = linear(4 * emb_dim, emb_dim, numerics=numerics)
        self.gelu = reference.gelu if numerics == "reference" else partial(F.gelu, approximate="tanh")

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.gelu(self.up(x)))  # (B, T, C), within (B, T, 4C)


class LayerNorm(nn.Module):
    def __init__(self, emb_dim: int, numerics: ResolvedNumerics) -> None:
        super().__init__()
        self.is_reference = numerics == "reference"
        self.scale = nn.Parameter(torch.ones(emb_dim))
        self.shift = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x: Tensor) -> Tensor:
        if self.is_reference:
            return reference.layer_norm(x, self.scale, self.shift)
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, eps=1e-5)


def make_dropout(rate: float, numerics: ResolvedNumerics) -> nn.Dropout:
    return nn.Dropout(rate) if numerics == "reference" else Dropout(rate)


def linear(
    inputs: int, outputs: int, *, bias: bool = True, numerics: ResolvedNumerics, device: str | None = None
) -> nn.Linear:
    return LINEAR[numerics](inputs, outputs, bias=bias, device=device)


def fused_projection(emb_dim: int, bias: bool, numerics: ResolvedNumerics) -> nn.Linear:
    """Query, key and value projection in one matrix (3C, C), drawn as the lecture draws its three: each with
    PyTorch's default for C inputs, one after the other, so that the same seed gives the same weights."""
    parts = [nn.Linear(emb_dim, emb_dim, bias=bias) for _ in range(3)]
    # On meta nothing is drawn.
    fused = linear(emb_dim, 3 * emb_dim, bias=bias, numerics=numerics, device="meta")
    for name, whole in list(fused.named_parameters()):
        filled = torch.empty(whole.shape)  # `cat` on meta would import the compiler: see layers/meta_init.py
        for part, rows in zip(parts, filled.chunk(3), strict=True):
            rows.copy_(part.get_parameter(name).detach())
        setattr(fused, name, nn.Parameter(filled))
    return fused


def initialise_as_gpt2(module: nn.Module, n_layers: int) -> None:
    """Normal weights of standard deviation 0.02 and zero biases; projections into the residual stream are
    scaled by 1 / sqrt(2 * n_layers). Source: Radford et al. 2019, section 2.3, and GPT-2's src/model.py."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, Attention | FeedForward):
        # Children come before their parent, so this overwrites what they drew for themselves.
        residual = module.out if isinstance(module, Attention) else module.down
        nn.init.normal_(residual.weight, std=0.02 / (2 * n_layers) ** 0.5)
