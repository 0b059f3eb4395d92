"""A tiny model with its optimizer, and tokens for a step."""

import torch

from model.gpt import GPT
from model.layers.kit import KITS
from model.optimizer import make_optimizer
from tests.model.tiny import tiny_config, tiny_run

TOKENS = torch.arange(18).view(2, 9) * 7 % 257


def learner(numerics="float32", tie_weights=True, **training):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0, tie_weights=tie_weights), KITS[numerics])
    return model, make_optimizer(model, tiny_run(training=training).training)
