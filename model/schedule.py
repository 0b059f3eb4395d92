"""The learning rate of every step."""

import math

from model.config import TrainingConfig


def learning_rate(training: TrainingConfig, step: int, total_steps: int) -> float:
    """Rate of the 0-based `step` of `total_steps`.

    The warm-up rises linearly and reaches the peak at its last step: peak * (step + 1) / warmup_steps
    (Goyal et al. 2017, section 2.2). After it, with p the share of the remaining steps that are done:

    constant  peak
    linear    min + (peak - min) * (1 - p)
    cosine    min + (peak - min) * (1 + cos(pi * p)) / 2    (Loshchilov and Hutter 2017, equation 5)

    The minimum would be reached one step after the last, so that no step is wasted on a rate of 0.
    """
    peak, least = training.learning_rate, training.min_learning_rate
    warmup = training.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (total_steps - warmup)
    match training.lr_schedule:
        case "constant":
            return peak
        case "linear":
            return least + (peak - least) * (1 - done)
        case "cosine":
            return least + (peak - least) * (1 + math.cos(math.pi * done)) / 2
