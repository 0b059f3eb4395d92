"""The optimizer of a run."""

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from model.config import TrainingConfig
from model.gpt import GPT


class Optimizers:
    """Several optimizers, of a parameter each, as one."""

    def __init__(self, adamw: torch.optim.AdamW, muon: torch.optim.Muon | None = None) -> None:
        self.adamw = adamw
        self._all: list[torch.optim.Optimizer] = [adamw] if muon is None else [adamw, muon]

    @property
    def state(self) -> dict[Tensor, dict[str, Tensor]]:
        """What they keep of each parameter."""
        merged: dict[Tensor, dict[str, Tensor]] = {}
        for optimizer in self._all:
            merged.update(optimizer.state)
        return merged

    def set_rate(self, learning_rate: float) -> None:
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate

    def zero_grad(self) -> None:
        for optimizer in self._all:
            optimizer.zero_grad()

    def step(self) -> None:
        for optimizer in self._all:
            optimizer.step()


def make_optimizer(model: GPT, training: TrainingConfig) -> Optimizers:
    """AdamW on every parameter, decaying all, as in the lecture (Loshchilov and Hutter 2019); or Muon
    on the matrices of the blocks (Jordan et al. 2024) and AdamW on the others.

    Muon's updates are scaled to the size of AdamW's (Liu et al. 2025, section 2.2), so one learning rate does
    for both. AdamW's fused kernel is faster and rounds differently, so `reference` keeps the plain one.
    """
    matrices = [parameter for parameter in model.blocks.parameters() if parameter.dim() == 2]
    by_muon = {id(parameter) for parameter in matrices} if training.optimizer == "muon" else set()
    others = [parameter for parameter in model.parameters() if id(parameter) not in by_muon]
    rate, decay = training.learning_rate, training.weight_decay
    is_fused = model.numerics != "reference"
    adamw = torch.optim.AdamW(others, lr=rate, betas=training.betas, weight_decay=decay, fused=is_fused)
    # The state is otherwise made in the first step, which a checkpoint or `model.early_updates` may precede.
    for parameter in others:
        adamw.state[parameter] = {
            "step": torch.zeros((), device=parameter.device if is_fused else None),
            "exp_avg": torch.zeros_like(parameter, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
        }
    # The fused kernel, unlike every other operation, does not count its changes up (PyTorch 2.13).
    adamw.register_step_post_hook(lambda *_: increment_version(others))
    if not by_muon:
        return Optimizers(adamw)
    muon = torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    for parameter in matrices:
        muon.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter, requires_grad=False)}
    return Optimizers(adamw, muon)
