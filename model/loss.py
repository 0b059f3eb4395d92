"""The one loss of pre-training."""

from torch import Tensor
from torch.nn import functional as F


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the next token, in nats.

    logits   (B, T, V) float, unnormalised scores for the token after each position
    targets  (B, T) int64, the tokens that really follow
    returns  scalar float32
    raises   ValueError if B and T differ between the two
    source   Radford et al. 2019, section 2, equation 1
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits are for {tuple(logits.shape[:-1])} tokens, targets for {tuple(targets.shape)}"
        )
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
