"""How fast a GPU could compute, by its name: what a trainer's speed is held against (MFU)."""

import re
from typing import NamedTuple


class Peak(NamedTuple):
    """FLOP/s of dense matrix products, in 10^12; None where it has no units for them."""

    bfloat16: float | None
    tf32: float | None
    float32: float


PEAKS = {
    r"B200": Peak(2250, 1125, 75),
    r"GH200|H200|H100 80GB HBM3|H100 SXM": Peak(989.4, 494.7, 66.9),
    r"H100 NVL": Peak(835.5, 417.7, 60.0),
    r"H100 PCIe": Peak(756.5, 378.2, 51.2),
    r"A100": Peak(312, 156, 19.5),
    r"A40": Peak(149.7, 74.8, 37.4),
    r"A30": Peak(165, 82, 10.3),
    r"A10": Peak(125, 62.5, 31.2),
    r"L40S": Peak(362.05, 183, 91.6),
    r"L40": Peak(181.05, 90.5, 90.5),
    r"L4": Peak(121, 60, 30.3),
    r"V100": Peak(None, None, 15.7),
    r"T4": Peak(None, None, 8.1),
    r"RTX 6000 Ada Generation": Peak(364.2, 182.1, 91.1),
    r"RTX A6000": Peak(154.8, 77.4, 38.7),
    r"RTX 5090": Peak(209.5, 104.8, 104.8),
    r"RTX 4090": Peak(165.2, 82.6, 82.6),
    r"RTX 3090": Peak(71, 35.6, 35.6),
}
"""By the name that the driver gives. Source: NVIDIA's data sheets and architecture whitepapers, without
sparsity, with float32 accumulation, at the boost clock. A card that is cooled or powered less than its sheet
says never comes near; another kind of card is not guessed at."""
OTHER_CARD = " (Ti|SUPER|D|Laptop)"
"""Behind a name: a card that is slower or faster."""


def peak_flops(gpu_name: str, numerics: str) -> float | None:
    """FLOP/s that a GPU could make of a run's products: see `model.numerics.set_up` for which these are. None
    for a GPU that is not known."""
    for name, peak in PEAKS.items():
        if re.search(rf"\b({name})\b(?!{OTHER_CARD})", gpu_name):
            of_numerics = {"bfloat16": peak.bfloat16, "float32": peak.tf32 or peak.float32}
            teraflops = of_numerics.get(numerics, peak.float32)
            return None if teraflops is None else teraflops * 1e12
    return None
