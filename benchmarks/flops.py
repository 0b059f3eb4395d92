"""The floating-point operations of training a model."""

from model.config import GPTConfig


def training_flops_per_token(config: GPTConfig) -> float:
    """Forward and backward pass: 6 for each weight of a matrix, and 12 for each layer, element of the width
    and token of the context. Source: Chowdhery et al. 2022, appendix B."""
    weights = 12 * config.n_layers * config.emb_dim**2 + config.vocab_size * config.emb_dim
    return 6 * weights + 12 * config.n_layers * config.emb_dim * config.context_length
