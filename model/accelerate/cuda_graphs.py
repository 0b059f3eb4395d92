"""Kernels of a GPU that are recorded once and then started all at once."""

from collections.abc import Callable

import torch

Pool = tuple[int, int]
"""Memory on a GPU: a `torch.cuda.graph_pool_handle()`."""


def record(compute: Callable[[], object], pool: Pool | None = None) -> torch.cuda.CUDAGraph:
    """A graph whose `replay` starts the kernels that `compute` starts, at the same addresses. They do not run
    while they are recorded.

    Libraries set themselves up in a first call, which can't be recorded: `warm_up` first.

    pool  for what is computed on the way. Graphs that share one must not need what another one overwrites.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads of this process may use the GPU meanwhile.
    with torch.cuda.graph(graph, pool, capture_error_mode="thread_local"):  # type: ignore[arg-type]
        compute()
    return graph


def warm_up(compute: Callable[[], object]) -> None:
    """Call `compute`, and leave the GPU's random numbers as they were."""
    state = torch.cuda.get_rng_state()
    here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
    beside.wait_stream(here)
    with torch.cuda.stream(beside):
        compute()
    here.wait_stream(beside)
    torch.cuda.set_rng_state(state)
