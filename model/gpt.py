"""The lecture's GPT: token and position embeddings, blocks of attention and feed-forward, a norm, a head.

Sizes in comments: B sequences of T tokens, C numbers for each token, H heads of D = C / H numbers, V tokens
in the vocabulary. How each layer computes is decided elsewhere: the model is handed its layers, as a `Kit`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.config import GPTConfig
from model.layers.attention import KVCache, LayerKVCache
from model.layers.head import Head
from model.layers.initialization import initialise_as_gpt2, make_qkv
from model.layers.kit import FLOAT32, Kit


class GPT(nn.Module):
    """ids (B, T) int64, T at most `context_length` -> logits (B, T, V): at each position, unnormalised scores
    for the token that follows.

    The weights are drawn from the global generator when the model is made, in the lecture's order: the same
    seed gives the same weights. A kit decides how the same mathematics is computed, never what the weights
    are: one checkpoint serves every kit.
    """

    def __init__(self, config: GPTConfig, kit: Kit = FLOAT32) -> None:
        super().__init__()
        self.config = config
        self.kit = kit
        # One vector for every token of the vocabulary, and one for every place in the context.
        self.tok_emb = kit.embedding(config.vocab_size, config.emb_dim)
        self.pos_emb = nn.Embedding(config.context_length, config.emb_dim)
        self.drop_emb = kit.dropout(config.drop_rate)
        self.blocks = nn.ModuleList(Block(config, kit) for _ in range(config.n_layers))
        # Without it the head would see what all blocks have added up, which grows with the depth.
        self.final_norm = kit.layer_norm(config.emb_dim)
        self.head: Head
        if config.tie_weights:
            # The head reads the token embedding's own matrix: 39 million parameters less in GPT-2 small.
            self.head = kit.tied_head(self.tok_emb)
        else:
            self.head = kit.linear(config.emb_dim, config.vocab_size, bias=False)
        if config.initialization == "gpt2":
            initialise_as_gpt2(self, config.n_layers)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.hidden(ids))  # (B, T, V)

    def hidden(self, ids: Tensor, caches: Sequence[KVCache] = ()) -> Tensor:
        """(B, T) -> (B, T, C): what the head reads.

        caches  of the tokens before `ids`, one for each sequence, which take `ids` in: see `next_logits`
        """
        positions = self.positions(ids, caches)  # (T,), or (B, T) with caches
        # A token's vector says nothing of its place, so that of its place is added.
        x = self.drop_emb(self.tok_emb(ids) + self.pos_emb(positions))  # (B, T, C)
        for index, block in enumerate(self.blocks):
            x = block(x, [cache.layers[index] for cache in caches])  # (B, T, C)
        return self.final_norm(x)  # (B, T, C)

    def positions(self, ids: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """Where each of `ids` (B, T) stands in its context, from 0: (T,), or (B, T) with caches. raises
        ValueError if there are more tokens than the context has places"""
        T = ids.shape[1]
        if caches:
            return torch.stack([cache.positions(T, ids.device) for cache in caches])  # (B, T)
        if self.config.context_length < T:
            raise ValueError(f"{T} tokens do not fit into a context of {self.config.context_length}")
        return torch.arange(T, device=ids.device)  # (T,)

    def next_logits(self, ids: Tensor, caches: Sequence[KVCache] = ()) -> Tensor:
        """(B, T) -> (B, V) float32: logits of the token that follows the last one, for generation.

        Keys and values of a token never change once it is read, since no token looks at later ones. With a
        cache of them for each sequence, `ids` are only the tokens that are new.
        """
        hidden = self.hidden(ids, caches)[:, -1]  # (B, C)
        # In bfloat16 numbers from 8 to 16 are 1 / 16 apart, and the likeliest tokens often closer.
        return nn.functional.linear(hidden.to(self.head.weight.dtype), self.head.weight)


class Block(nn.Module):
    """A transformer block: tokens exchange what they know (attention), then each one thinks it over (feed
    forward). Both add to x instead of replacing it, so that gradients reach the first block undiminished.

    Norms come before, not after, what they are for ("pre-norm"), which trains without a warm-up.
    """

    def __init__(self, config: GPTConfig, kit: Kit) -> None:
        super().__init__()
        self.attention = Attention(config, kit)
        self.feed_forward = FeedForward(config, kit)
        self.norm1 = kit.layer_norm(config.emb_dim)
        self.norm2 = kit.layer_norm(config.emb_dim)
        self.drop = kit.dropout(config.drop_rate)

    def forward(self, x: Tensor, caches: Sequence[LayerKVCache] = ()) -> Tensor:
        x = self.drop(self.attention(self.norm1(x), caches)) + x  # (B, T, C)
        return self.drop(self.feed_forward(self.norm2(x))) + x  # (B, T, C)


class Attention(nn.Module):
    """Causal multi-head self-attention (Vaswani et al. 2017, section 3.2).

    Each token asks (query), is asked (key) and answers (value). It takes the mean of the values of all tokens
    up to itself, weighted by how well their keys fit its query; each head does so with numbers of its own.
    The formula, written out with its mask, its softmax and its root of D, is `model.layers.reference.attend`;
    the other kits compute the same.
    """

    def __init__(self, config: GPTConfig, kit: Kit) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.drop_rate = config.drop_rate
        self.kit = kit
        # The three projections in one matrix (3C, C): one product of three times the width is faster.
        self.qkv = make_qkv(kit.linear, config.emb_dim, bias=config.qkv_bias)
        self.out = kit.linear(config.emb_dim, config.emb_dim)

    def forward(self, x: Tensor, caches: Sequence[LayerKVCache] = ()) -> Tensor:
        """x (B, T, C), normalised -> (B, T, C)"""
        qkv = self.kit.project_qkv(self.qkv, x, self.n_heads)  # queries, keys, values: 3 x (B, H, T, D)
        drop_rate = self.drop_rate if self.training else 0.0
        attn_out = self.kit.attend(qkv, caches, drop_rate)  # (B, H, T, D)
        attn_out = attn_out.transpose(1, 2).flatten(2)  # (B, T, C): the heads side by side
        return self.out(attn_out)  # (B, T, C): and mixed with each other


class FeedForward(nn.Module):
    """Two linear layers with a nonlinearity between them, for each token by itself. Most of the parameters
    are here: 8 C**2 of a block's 12 C**2."""

    def __init__(self, config: GPTConfig, kit: Kit) -> None:
        super().__init__()
        self.up = kit.linear(config.emb_dim, 4 * config.emb_dim)
        self.gelu = kit.gelu
        self.down = kit.linear(4 * config.emb_dim, config.emb_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.gelu(self.up(x))  # (B, T, 4C)
        return self.down(x)  # (B, T, C)
