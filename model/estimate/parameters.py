"""A GPT's parameters, and the floating-point operations that they cost. Needs no torch."""

from model.config import GPTConfig


def parameter_count(config: GPTConfig) -> int:
    """Trainable parameters of the GPT that `config` describes; a tied head counts once."""
    return sum(parameters_by_part(config).values())


def parameters_by_part(config: GPTConfig) -> dict[str, int]:
    """Trainable parameters by the names of the modules in `model.gpt`; of those in blocks, in all blocks."""
    C, V, T = config.emb_dim, config.vocab_size, config.context_length
    qkv_bias = 3 * C if config.qkv_bias else 0
    return {
        "tok_emb": V * C,
        "pos_emb": T * C,
        "attention": config.n_layers * (4 * C * C + C + qkv_bias),
        "feed_forward": config.n_layers * (2 * 4 * C * C + 4 * C + C),
        "norm": config.n_layers * 2 * 2 * C,
        "final_norm": 2 * C,
        "head": 0 if config.tie_weights else V * C,
    }


def multiplied_parameters(config: GPTConfig) -> int:
    """Of all matrices that are multiplied: the blocks' and the head's."""
    return matrix_parameters(config) + config.vocab_size * config.emb_dim


def matrix_parameters(config: GPTConfig) -> int:
    """Of the blocks' matrices."""
    return 12 * config.n_layers * config.emb_dim**2


def training_flops_per_token(config: GPTConfig) -> int:
    """Floating-point operations of a token's forward and backward pass: 6 for each weight of a matrix, and 12
    for each layer, element of the width and token of the context.

    source  Chowdhery et al. 2022, appendix B
    """
    return 6 * multiplied_parameters(config) + attention_flops_per_token(config)


def attention_flops_per_token(config: GPTConfig) -> int:
    """Those of them that multiply queries, keys, their weights and values."""
    return 12 * config.n_layers * config.emb_dim * config.context_length
