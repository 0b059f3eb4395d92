"""The optimizer of a run."""

import torch
from torch import Tensor

from model.adamw import AdamW
from model.config import TrainingConfig
from model.gpt import GPT


class Optimizers:
    """One or two, of a parameter each, as one."""

    def __init__(self, adamw: AdamW, muon: torch.optim.Muon | None = None) -> None:
        self.adamw, self.muon = adamw, muon

    @property
    def state(self) -> dict[Tensor, dict[str, Tensor]]:
        """What they keep of each parameter."""
        return self.adamw.state if self.muon is None else {**self.adamw.state, **self.muon.state}

    def set_rate(self, learning_rate: float) -> None:
        self.adamw.learning_rate = learning_rate
        if self.muon is not None:
            for group in self.muon.param_groups:
                group["lr"] = learning_rate

    def zero_grad(self) -> None:
        for parameter in self.state:
            parameter.grad = None

    def step(self) -> None:
        self.adamw.step()
        if self.muon is not None:
            self.muon.step()


def make_optimizer(model: GPT, training: TrainingConfig) -> Optimizers:
    """AdamW on every parameter, as in the lecture; or Muon on the matrices of the blocks (Jordan et al. 2024)
    and AdamW on the others.

    Muon's updates are scaled to the size of AdamW's (Liu et al. 2025, section 2.2), so one learning rate does
    for both. `reference` keeps the kernels that round as the lecture's do.
    """
    matrices = [parameter for parameter in model.blocks.parameters() if parameter.dim() == 2]
    by_muon = {id(parameter) for parameter in matrices} if training.optimizer == "muon" else set()
    others = [parameter for parameter in model.parameters() if id(parameter) not in by_muon]
    adamw = AdamW(others, training, fused=model.numerics != "reference")
    if not by_muon:
        return Optimizers(adamw)
    muon = torch.optim.Muon(
        matrices,
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    for parameter in matrices:  # as AdamW's, before the first step
        muon.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter, requires_grad=False)}
    return Optimizers(adamw, muon)
