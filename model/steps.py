"""How many windows, batches and steps a run has. Plain arithmetic: needs no torch."""


def window_count(n_tokens: int, context_length: int, stride: int) -> int:
    """(input, target) windows in a text of `n_tokens`: one at every `stride` from the first token on, as long
    as `context_length` tokens and the one that follows are there."""
    return len(range(0, n_tokens - context_length, stride))


def batches_per_epoch(n_windows: int, batch_size: int) -> int:
    """Micro-batches of an epoch; windows that fill no batch are dropped."""
    return n_windows // batch_size


def steps_per_epoch(n_windows: int, batch_size: int, grad_accumulation: int) -> int:
    """Optimizer steps of an epoch; the last takes the micro-batches that are left."""
    return -(-batches_per_epoch(n_windows, batch_size) // grad_accumulation)


def total_steps(
    n_windows: int, batch_size: int, grad_accumulation: int, num_epochs: int, max_steps: int | None
) -> int:
    """Optimizer steps of a run that does not stop early: its epochs' or `max_steps`, whichever ends first."""
    steps = num_epochs * steps_per_epoch(n_windows, batch_size, grad_accumulation)
    return steps if max_steps is None else min(steps, max_steps)
