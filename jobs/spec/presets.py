"""Named starting points of a spec: the fields that differ from the lecture's."""

from typing import Any, Literal

Preset = Literal["lecture", "gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl", "tiny"]


def gpt2(emb_dim: int, n_heads: int, n_layers: int) -> dict[str, Any]:
    """One of GPT-2's published sizes (Radford et al. 2019, table 2; heads from the released hparams)."""
    return {
        "model": {
            "context_length": 1024,
            "emb_dim": emb_dim,
            "n_heads": n_heads,
            "n_layers": n_layers,
            "qkv_bias": True,
            "tie_weights": True,
            "initialization": "gpt2",
        }
    }


PRESETS: dict[Preset, dict[str, Any]] = {
    "lecture": {},
    "gpt2-small": gpt2(768, 12, 12),
    "gpt2-medium": gpt2(1024, 16, 24),
    "gpt2-large": gpt2(1280, 20, 36),
    "gpt2-xl": gpt2(1600, 25, 48),
    "tiny": {
        "model": {
            "context_length": 64,
            "emb_dim": 64,
            "n_heads": 4,
            "n_layers": 2,
            "tie_weights": True,
            "initialization": "gpt2",
        },
        "training": {"num_epochs": 3},
    },
}
