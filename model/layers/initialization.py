"""Initial weights where they are not those of PyTorch's layers."""

from functools import partial

import torch
from torch import nn


def make_qkv(linear: type[nn.Linear], emb_dim: int, *, bias: bool) -> nn.Linear:
    """Query, key and value projection in one `linear` layer (3C, C), drawn as the lecture draws its three:
    each with PyTorch's default for C inputs, one after the other, so that the same seed gives the same
    weights."""
    projections = [nn.Linear(emb_dim, emb_dim, bias=bias) for _ in range(3)]
    # On meta, so that its own initialisation draws nothing from the generator.
    qkv = linear(emb_dim, 3 * emb_dim, bias=bias, device="meta")
    for name, parameter in list(qkv.named_parameters()):
        joined = torch.empty(parameter.shape)  # `cat` on meta would import the compiler: see meta_init.py
        for projection, rows in zip(projections, joined.chunk(3), strict=True):
            rows.copy_(projection.get_parameter(name).detach())
        setattr(qkv, name, nn.Parameter(joined))
    return qkv


def initialise_as_gpt2(model: nn.Module, n_layers: int) -> None:
    """Normal weights of standard deviation 0.02 and zero biases; projections into the residual stream are
    scaled by 1 / sqrt(2 * n_layers). Source: Radford et al. 2019, section 2.3, and GPT-2's src/model.py."""
    model.apply(partial(initialise_module, residual_std=0.02 / (2 * n_layers) ** 0.5))


def initialise_module(module: nn.Module, residual_std: float) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    # The last layers of attention and of the feed-forward, by their names in `model.gpt`. `apply` visits
    # children before their parent, so this overwrites what they were given above.
    for name in ("out", "down"):
        if isinstance(residual := getattr(module, name, None), nn.Linear):
            nn.init.normal_(residual.weight, std=residual_std)
