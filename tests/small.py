"""A job that trains for some seconds: 6 epochs of 6 steps, each evaluated."""

from typing import Any

SMALL: dict[str, Any] = {
    "preset": "tiny",
    "dataset": "sample",
    "tokenizer": "bytes",
    "model": {"context_length": 64, "emb_dim": 32, "n_heads": 2, "n_layers": 2},
    "training": {"batch_size": 16, "grad_accumulation": 3, "num_epochs": 6, "numerics": "float32"},
    "evaluation": {"eval_freq": 1, "eval_iter": 1},
    "sampling": {"max_new_tokens": 5},
    "checkpoints": {"every_epochs": None, "every_steps": 5},
}


def small_spec(**sections: Any) -> dict[str, Any]:
    """Its spec, with fields of its sections replaced: `small_spec(training={"num_epochs": 60})`."""
    merged = {
        name: {**SMALL.get(name, {}), **value} if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return {**SMALL, **merged}
