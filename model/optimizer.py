"""The optimizer of a run."""

import torch
from torch.autograd.graph import increment_version

from model.config import TrainingConfig
from model.gpt import GPT


def make_optimizer(model: GPT, training: TrainingConfig) -> torch.optim.AdamW:
    """AdamW on every parameter, weight decay included, as in the lecture (Loshchilov and Hutter 2019).

    The fused kernel is faster and rounds differently, so `reference` keeps PyTorch's plain one.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=training.learning_rate,
        betas=training.betas,
        weight_decay=training.weight_decay,
        fused=model.numerics != "reference",
    )
    for parameter in model.parameters():  # otherwise made in the first step: see `model.early_updates`
        optimizer.state[parameter] = {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(parameter, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
        }
    # The fused kernel, unlike every other operation, does not count its changes up (PyTorch 2.13).
    optimizer.register_step_post_hook(lambda *_: increment_version(list(model.parameters())))
    return optimizer
