"""The optimizer of a run."""

import torch

from model.config import TrainingConfig
from model.gpt import GPT


def make_optimizer(model: GPT, training: TrainingConfig) -> torch.optim.AdamW:
    """AdamW on every parameter, weight decay included, as in the lecture (Loshchilov and Hutter 2019).

    The fused kernel is faster and rounds differently, so `reference` keeps PyTorch's plain one.
    """
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.learning_rate,
        betas=training.betas,
        weight_decay=training.weight_decay,
        fused=model.numerics != "reference",
    )
